// TensorFlow.js on its WebAssembly backend, which picks the build with SIMD and threads by itself.
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { openModel } from './tfjs_model.mjs';

export async function open({ assets, url, threads, layers }) {
  tf.enableProdMode();
  setWasmPaths(assets);
  setThreadsCount(threads);
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend did not start');
  const flag = (name) => tf.env().getAsync(name);
  return openModel({
    url,
    layers,
    figures: { simd: await flag('WASM_HAS_SIMD_SUPPORT'), threaded: await flag('WASM_HAS_MULTITHREAD_SUPPORT') },
  });
}
