// The engines that are compared. Each has an adapter in peers/, which the page loads.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// The folder of an installed package: the nearest package.json above what it exports.
function packageFolder(name) {
  for (const folder of require.resolve.paths(name)) {
    try {
      const path = `${folder}/${name}`;
      readFileSync(`${path}/package.json`);
      return path;
    } catch {
      // It lies in a folder further up.
    }
  }
  throw new Error(`${name} is not installed; run scripts/setup bench`);
}

/**
 * title: in tables; format: of the model that it reads; adapter: in peers/; settings: what the adapter is told beside the
 * model; assets: where the server has its files, from `folder` of the installed `package`, whose version is reported;
 * most: threads that it can use; int8: computes in 8 bits, so that its peak is another, and Linnet's int8 is what it compares with.
 */
export const peers = {
  linnet: { title: 'Linnet', format: 'tfjs', adapter: 'linnet', assets: '/linnet/' },
  'linnet-int8': { title: 'Linnet int8', format: 'tfjs_int8', int8: true, adapter: 'linnet', assets: '/linnet/' },
  // The engine in the page's own thread, where the other engines are: no way to a worker and back.
  'linnet-here': { title: 'Linnet, same thread', format: 'tfjs', adapter: 'linnet', assets: '/linnet/', settings: { worker: false }, most: 1 },
  'linnet-int8-here': {
    title: 'Linnet int8, same thread',
    format: 'tfjs_int8',
    int8: true,
    adapter: 'linnet',
    assets: '/linnet/',
    settings: { worker: false },
    most: 1,
  },
  base: { title: 'Linnet (base)', format: 'tfjs', adapter: 'linnet', assets: '/base/' },
  tfjs: { title: 'TensorFlow.js', format: 'tfjs', adapter: 'tfjs', package: '@tensorflow/tfjs-backend-wasm', folder: 'dist' },
  ort: { title: 'ONNX Runtime Web', format: 'onnx', adapter: 'ort', package: 'onnxruntime-web', folder: 'dist' },
  litert: { title: 'LiteRT.js', format: 'tflite', adapter: 'litert', package: '@litertjs/core', folder: 'wasm' },
  'litert-int8': {
    title: 'LiteRT.js int8',
    format: 'tflite_int8',
    int8: true,
    adapter: 'litert',
    package: '@litertjs/core',
    folder: 'wasm',
  },
  'linnet-webgl2': { title: 'Linnet WebGL2', format: 'tfjs', adapter: 'linnet', assets: '/linnet/', settings: { backend: 'webgl2' }, gpu: 'linnet-webgl2' },
  'tfjs-webgl': { title: 'TensorFlow.js WebGL', format: 'tfjs', adapter: 'tfjs_webgl', package: '@tensorflow/tfjs-backend-webgl', folder: 'dist', gpu: 'linnet-webgl2' },
  'linnet-webgpu': { title: 'Linnet WebGPU', format: 'tfjs', adapter: 'linnet', assets: '/linnet/', settings: { backend: 'webgpu' }, gpu: 'linnet-webgpu' },
  'tfjs-webgpu': { title: 'TensorFlow.js WebGPU', format: 'tfjs', adapter: 'tfjs_webgpu', package: '@tensorflow/tfjs-backend-webgpu', folder: 'dist', gpu: 'linnet-webgpu' },
  'ort-webgpu': {
    title: 'ONNX Runtime Web WebGPU',
    format: 'onnx',
    adapter: 'ort',
    settings: { provider: 'webgpu' },
    package: 'onnxruntime-web',
    folder: 'dist',
    gpu: 'linnet-webgpu',
  },
};

/** The peers of a run where none are chosen. */
export const defaultPeers = ['linnet', 'linnet-here', 'linnet-int8', 'linnet-int8-here', 'tfjs', 'ort', 'litert', 'litert-int8'];
/** And of one with --gpu: with TensorFlow.js on WebAssembly outputs are compared. */
export const gpuPeers = ['tfjs', 'linnet', ...Object.keys(peers).filter((name) => peers[name].gpu)];

for (const [name, peer] of Object.entries(peers)) {
  if (!peer.package) continue;
  peer.assets = `/${peer.adapter}/`;
  const folder = packageFolder(peer.package);
  peer.version = JSON.parse(readFileSync(`${folder}/package.json`)).version;
  peer.mount = [peer.assets, `${folder}/${peer.folder}`];
}
