// TensorFlow.js on its WebAssembly backend, which picks the build with SIMD and threads by itself.
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
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

export async function open({ assets, url, threads, layers }) {
  tf.enableProdMode();
  setWasmPaths(assets);
  setThreadsCount(threads);
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend did not start');
  const { model, execute } = await load(url, layers);
  const outputs = model.outputs.map(({ name }) => name);
  const flag = (name) => tf.env().getAsync(name);
  return {
    outputs,
    figures: { simd: await flag('WASM_HAS_SIMD_SUPPORT'), threaded: await flag('WASM_HAS_MULTITHREAD_SUPPORT') },
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
