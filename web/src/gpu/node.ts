// What a host without workers needs to run plans: bench/webgpu.
export { Engine } from '../worker/engine.js';
export { GpuCompiler, noSource } from './compiler.js';
export { openWebGpu, WebGpuReplay } from './webgpu.js';
