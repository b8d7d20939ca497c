// TensorFlow.js on its WebGL backend.
import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import { openModel } from './tfjs_model.mjs';

export async function open({ url, layers }) {
  tf.enableProdMode();
  if (!(await tf.setBackend('webgl'))) throw new Error('the WebGL backend did not start');
  return openModel({ url, layers, figures: { backend: tf.getBackend() } });
}
