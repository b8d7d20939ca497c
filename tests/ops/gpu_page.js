// Runs plans of op cases in a page: `replay` is the bundle of web/src/gpu/webgpu.ts.
import { openWebGpu, WebGpuReplay } from '/replay.js';

const fetchBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

let host;
/** Runs one case twice, since the second run meets what the first one left; gives the outputs' bytes as numbers. */
globalThis.runCase = async (plan, weightsFile, inputFiles) => {
  host ??= await openWebGpu();
  const weights = await fetchBytes(weightsFile);
  const inputs = await Promise.all(inputFiles.map(fetchBytes));
  const whole = {
    ...plan,
    words: Uint32Array.from(plan.words),
    params: new Uint8Array(Uint32Array.from(plan.params).buffer),
    pieces: weights.length > 0 ? [{ offset: 0, bytes: weights.length, source: 0 }] : [],
    cpuParts: [],
  };
  const replay = await WebGpuReplay.create(host.device, whole, null, () => weights);
  const outputs = plan.outputs.map(({ bytes }) => new Uint8Array(bytes));
  for (let i = 0; i < 2; ++i) await replay.run(inputs, outputs);
  replay.destroy();
  return outputs.map((bytes) => [...bytes]);
};
globalThis.ready = true;
