// TensorFlow.js as the oracle: models from files, run in Node.js.
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

const require = createRequire(import.meta.url);
setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
tf.enableProdMode();

/** Readies TensorFlow.js on its WebAssembly backend, or on 'cpu', its plain JavaScript one. */
export async function useBackend(name = 'wasm') {
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js has no backend '${name}' here`);
  await tf.ready();
}

/**
 * Runs `compute` on the WebAssembly backend and, where that lacks a kernel, on the plain JavaScript one. It must make
 * its tensors itself and return plain data.
 */
export async function withFallback(compute) {
  await useBackend('wasm');
  try {
    return await compute();
  } catch (error) {
    // What the backend says of a missing kernel, and of a type that its kernel does not take.
    if (!/not registered|not (yet )?supported|only supports|not implemented|unsupported/i.test(error.message)) throw error;
  }
  await useBackend('cpu');
  return await compute();
}

/** The path of a model's topology: model.json, or else the folder's only .json file with one in it. */
export function topologyPath(folder) {
  const usual = join(folder, 'model.json');
  if (existsSync(usual)) return usual;
  const others = readdirSync(folder).filter((name) => name.endsWith('.json'));
  if (others.length !== 1) throw new Error(`${folder}: which of [${others}] is the model?`);
  return join(folder, others[0]);
}

async function artifacts(path) {
  const model = JSON.parse(await readFile(path, 'utf8'));
  const shards = model.weightsManifest.flatMap((group) => group.paths);
  const weights = Buffer.concat(await Promise.all(shards.map((name) => readFile(join(dirname(path), name)))));
  return {
    ...model,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length),
  };
}

const isLayers = (model) => model.format === 'layers-model' || 'model_config' in model.modelTopology;

/**
 * Runs the model at `path` once. `inputs` maps names to `{shape, data}`. Gives a list of `{names, shape, data}`, one
 * for each output, with the names that it goes by: of the signature and of the tensor.
 */
export async function runModel(path, inputs) {
  const model = await artifacts(path);
  const handler = { load: async () => model };
  const loaded = isLayers(model) ? await tf.loadLayersModel(handler) : await tf.loadGraphModel(handler);
  const feed = (input) => {
    const names = [input.signatureKey, input.name, input.name.replace(/:0$/, '')];
    // TensorFlow.js numbers the layers of a second model with the same names anew; a lone input needs no name.
    const only = Object.keys(inputs).length === 1 ? Object.keys(inputs)[0] : undefined;
    const given = inputs[names.find((name) => Object.hasOwn(inputs, name)) ?? only];
    if (!given) throw new Error(`${path}: no input for '${input.name}' among [${Object.keys(inputs)}]`);
    return tf.tensor(given.data, given.shape, input.dtype);
  };
  try {
    const results = tf.tidy(() => {
      if (isLayers(model)) return [loaded.predict(loaded.inputs.map(feed))].flat();
      const named = Object.fromEntries(loaded.inputs.map((input) => [input.name, feed(input)]));
      return [loaded.execute(named, loaded.outputs.map((output) => output.name))].flat();
    });
    const signature = Object.entries((model.userDefinedMetadata?.signature ?? model.signature)?.outputs ?? {});
    return await Promise.all(
      results.map(async (result, i) => {
        const name = isLayers(model) ? loaded.outputNames[i] : loaded.outputs[i].name;
        const bare = name.replace(/:0$/, '');
        const keys = signature.filter(([, port]) => port.name?.replace(/:0$/, '') === bare).map(([key]) => key);
        const output = { names: [...keys, name, bare], shape: result.shape, data: await result.data() };
        result.dispose();
        return output;
      }),
    );
  } finally {
    loaded.dispose();
  }
}
