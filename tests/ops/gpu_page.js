// Runs plans of op cases in a page: /BACKEND.js is the bundle of web/src/gpu/BACKEND.ts.
import { openHost as openWebGl2 } from '/webgl2.js';
import { openHost as openWebGpu } from '/webgpu.js';

const fetchBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

/**
 * A shader that computes in f16 as one that computes in f32, for a GPU that has no f16: what is stored stays as it is, so other
 * shaders of the plan read it, and so does the text, but for its types.
 */
function withoutHalves(text) {
  if (!text.includes('enable f16;')) return text;
  const packed = ['a', 'w'].filter((name) => new RegExp(`> ${name}: array<vec4h>`).test(text)).join('');
  const place = `\\b([${packed}])\\[(P\\.\\w+ \\+ \\(e >> 2u\\)|i)\\]`;
  return text
    .replace('enable f16;', 'fn halves(v: vec2u) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }')
    .replace(new RegExp(`${place}(?! = )`, 'g'), 'halves($1[$2])')
    .replace(new RegExp(`${place} = vec4h\\(v\\);`, 'g'), '$1[$2] = vec2u(pack2x16float(v.xy), pack2x16float(v.zw));')
    .replaceAll('array<vec4h>', 'array<vec2u>')
    .replaceAll('vec4h', 'vec4f');
}
const hasHalves = async () => (await navigator.gpu.requestAdapter())?.features.has('shader-f16');

// As the module for GPUs gives the places of a CPU step.
const kInWeights = 2 ** 31;
const placeOf = ({ place, inWeights }) => place + (inWeights ? kInWeights : 0);

const open = { webgpu: openWebGpu, webgl2: openWebGl2 };
const hosts = {};
// Stands in for the engine: answers with what the reference has, if its operands are what the reference has there.
async function cpuOf(parts, folder) {
  const filesOf = (ports) => Promise.all(ports.map(({ file }) => fetchBytes(folder + file)));
  const known = await Promise.all(parts.map(async ({ inputs, outputs }) => ({ operands: await filesOf(inputs), results: await filesOf(outputs) })));
  const held = known.map(({ operands, results }) => ({
    operands: operands.map(({ length }) => new Uint8Array(length)),
    results: results.map(({ length }) => new Uint8Array(length)),
  }));
  return {
    input: (part, i) => held[part].operands[i],
    output: (part, i) => held[part].results[i],
    run(part) {
      const { operands, results } = held[part];
      const right = operands.every((bytes, i) => bytes.every((byte, at) => byte === known[part].operands[i][at]));
      results.forEach((bytes, i) => (right ? bytes.set(known[part].results[i]) : bytes.fill(0)));
      for (const bytes of operands) bytes.fill(0xa5);
    },
  };
}

/**
 * Runs one case twice, since the second run meets what the first one left; gives the outputs' bytes as numbers. With `halves` its
 * shaders compute in f16, or where the GPU has none in f32.
 */
globalThis.runCase = async ({ backend, halves }, plan, folder, weightsFile, inputFiles) => {
  const host = (hosts[backend] ??= await open[backend]());
  const weights = await fetchBytes(folder + weightsFile);
  const inputs = await Promise.all(inputFiles.map((file) => fetchBytes(folder + file)));
  const whole = {
    ...plan,
    shaders: halves && !(await hasHalves()) ? plan.shaders.map(withoutHalves) : plan.shaders,
    words: Uint32Array.from(plan.words),
    params: new Uint8Array(Uint32Array.from(plan.params).buffer),
    pieces: weights.length > 0 ? [{ offset: 0, bytes: weights.length, source: 0 }] : [],
    cpuParts: plan.cpuParts.map(({ inputs, outputs }) => ({ inputs: inputs.map(placeOf), outputs: outputs.map(placeOf) })),
  };
  const replay = await host.replay(whole, await cpuOf(plan.cpuParts, folder), () => weights);
  const outputs = plan.outputs.map(({ bytes }) => new Uint8Array(bytes));
  for (let i = 0; i < 2; ++i) await replay.run(inputs, outputs);
  replay.destroy();
  return outputs.map((bytes) => [...bytes]);
};
globalThis.ready = true;
