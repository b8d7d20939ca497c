// TensorFlow.js on its WebGPU backend.
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { openModel } from './tfjs_model.mjs';

export async function open({ url, layers }) {
  tf.enableProdMode();
  if (!(await tf.setBackend('webgpu'))) throw new Error('the WebGPU backend did not start');
  return openModel({ url, layers, figures: { backend: tf.getBackend() } });
}
