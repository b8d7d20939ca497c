// Runs plans of op cases in a page: /BACKEND.js is the bundle of web/src/gpu/BACKEND.ts.
import { openHost as openWebGl2 } from '/webgl2.js';
import { openHost as openWebGpu } from '/webgpu.js';

const fetchBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

const open = { webgpu: openWebGpu, webgl2: openWebGl2 };
const hosts = {};
/** Runs one case twice, since the second run meets what the first one left; gives the outputs' bytes as numbers. */
globalThis.runCase = async (backend, plan, weightsFile, inputFiles) => {
  const host = (hosts[backend] ??= await open[backend]());
  const weights = await fetchBytes(weightsFile);
  const inputs = await Promise.all(inputFiles.map(fetchBytes));
  const whole = {
    ...plan,
    words: Uint32Array.from(plan.words),
    params: new Uint8Array(Uint32Array.from(plan.params).buffer),
    pieces: weights.length > 0 ? [{ offset: 0, bytes: weights.length, source: 0 }] : [],
    cpuParts: [],
  };
  const replay = await host.replay(whole, null, () => weights);
  const outputs = plan.outputs.map(({ bytes }) => new Uint8Array(bytes));
  for (let i = 0; i < 2; ++i) await replay.run(inputs, outputs);
  replay.destroy();
  return outputs.map((bytes) => [...bytes]);
};
globalThis.ready = true;
