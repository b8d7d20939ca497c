// A model in TensorFlow.js, on whatever backend is set.
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { inputCalled } from './bind.mjs';

async function load(url, layers) {
  if (layers) {
    const model = await (await import('@tensorflow/tfjs-layers')).loadLayersModel(url);
    return { model, execute: (feeds) => model.predict(model.inputs.map(({ name }) => feeds[name])) };
  }
  const model = await loadGraphModel(url);
  const names = model.outputs.map(({ name }) => name);
  return { model, execute: (feeds) => model.execute(feeds, names) };
}

/** What an adapter gives, with `figures` of its own. */
export async function openModel({ url, layers, figures }) {
  const { model, execute } = await load(url, layers);
  const outputs = model.outputs.map(({ name }) => name);
  return {
    outputs,
    figures,
    prepare: (inputs) => model.inputs.map(({ name }) => [name, inputCalled(name, inputs)]),
    async run(inputs) {
      const results = tf.tidy(() =>
        [execute(Object.fromEntries(inputs.map(([name, { data, shape }]) => [name, tf.tensor(data, shape)])))].flat(),
      );
      const arrays = await Promise.all(results.map((result) => result.data()));
      tf.dispose(results);
      return Object.fromEntries(outputs.map((name, i) => [name, arrays[i]]));
    },
  };
}
