// Runs models on WebGPU without a browser, on whatever GPU Dawn finds (npm package `webgpu`), and compares the outputs with
// the engine's own. For machines with a GPU and no display.
//
//   npm ci --prefix bench/webgpu
//   node bench/webgpu/run.mjs [--runs N] [--steps] [--f16] [--hardware] [--dawn TOGGLE]... MODEL...
//
// MODEL is a model.json or a folder with one. Needs the wasm-simd build: linnet.wasm and linnet-gpu.wasm below
// LINNET_BUILD_ROOT (default: build). --steps prints the time of each step by timestamps, --f16 stores tensors as f16,
// --hardware takes an emulated GPU for one of hardware. One JSON document a model.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { relativeError } from '../../tests/differential/tensors.mjs';
import { importTypeScript } from '../../web/test/bundle.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const builds = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');
const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '50' },
    steps: { type: 'boolean', default: false },
    f16: { type: 'boolean', default: false },
    hardware: { type: 'boolean', default: false },
    dawn: { type: 'string', multiple: true, default: [] },
  },
});
if (models.length === 0) {
  console.error('usage: node bench/webgpu/run.mjs [--runs N] [--steps] [--f16] [--hardware] [--dawn TOGGLE]... MODEL...');
  process.exit(2);
}

const { create, globals } = await import('webgpu').catch(() => {
  console.error('the package `webgpu` is missing: npm ci --prefix bench/webgpu');
  process.exit(1);
});
Object.assign(globalThis, globals);
const { Engine, GpuCompiler, noSource, openWebGpu, WebGpuReplay } = await importTypeScript('web/src/gpu/node.ts');
const module = (name) => new WebAssembly.Module(readFileSync(join(builds, 'wasm-simd', `${name}.wasm`)));

/** An engine of its own with the model in it. */
async function read(path) {
  const engine = await Engine.create(module('linnet'), false);
  const { handle, description } = engine.openModel(readFileSync(path));
  description.shards.forEach((name, shard) => {
    engine.writeShard(handle, shard, readFileSync(join(dirname(path), name)));
    engine.endShard(handle, shard);
  });
  return { engine, handle };
}

const viewOf = (engine, { address, bytes }) => engine.bytes.subarray(address, address + bytes);

async function openOnGpu(path, { device, target }) {
  const { engine, handle } = await read(path);
  const graph = engine.openGraph(handle, 1, {});
  const compiler = await GpuCompiler.create(module('linnet-gpu'));
  const plan = compiler.compile(graph.words, target);
  const parts = plan.cpuParts.map(({ first, last }) => engine.compileNodes(graph.handle, first, last));
  const cpu = {
    input: (part, i) => viewOf(engine, parts[part].description.inputs[i]),
    run: (part) => engine.run(parts[part].handle),
    output: (part, i) => viewOf(engine, parts[part].description.outputs[i]),
  };
  const pack = (piece) => {
    const { source } = plan.pieces[piece];
    return compiler.pack(piece, source === noSource ? null : graph.constant(source));
  };
  return { plan, macs: graph.macs, replay: await WebGpuReplay.create(device, plan, cpu, pack) };
}

/** The engine's outputs on the same inputs, as bytes. */
async function expectedOutputs(path, inputs) {
  const { engine, handle } = await read(path);
  const { handle: session, description } = engine.compile(handle, 1, 1, {});
  description.inputs.forEach((port, i) => viewOf(engine, port).set(inputs[i]));
  engine.run(session);
  return description.outputs.map((port) => viewOf(engine, port).slice());
}

let state = 1;
const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff) * 2 - 1;
const drawn = ({ dtype, bytes }) =>
  dtype === 'f32' ? new Uint8Array(Float32Array.from({ length: bytes / 4 }, draw).buffer) : new Uint8Array(bytes);
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

async function measure(model, gpu) {
  const path = model.endsWith('.json') ? model : join(model, 'model.json');
  const started = performance.now();
  const { plan, macs, replay } = await openOnGpu(path, gpu);
  const inputs = plan.inputs.map(drawn);
  const outputs = plan.outputs.map(({ bytes }) => new Uint8Array(bytes));
  await replay.run(inputs, outputs);
  const first = performance.now() - started;
  const times = [];
  for (let i = 0; i < Number(options.runs); ++i) {
    const start = performance.now();
    await replay.run(inputs, outputs);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const expected = await expectedOutputs(path, inputs);
  const errors = plan.outputs.map(({ dtype }, i) =>
    dtype === 'f32' ? relativeError(new Float32Array(outputs[i].buffer), new Float32Array(expected[i].buffer)) : relativeError(outputs[i], expected[i]),
  );
  const result = {
    model,
    adapter: gpu.adapter,
    firstMs: first,
    medianMs: quantile(times, 0.5),
    p95Ms: quantile(times, 0.95),
    macs,
    error: Math.max(...errors),
    shaders: plan.shaders.length,
    steps: plan.steps,
    cpuParts: plan.cpuParts.length,
    arenaBytes: plan.arenaBytes,
    weightsBytes: plan.weightsBytes,
  };
  if (options.steps) result.stepMs = [...(await replay.profile())];
  replay.destroy();
  return result;
}

// Dawn ends with this object, whatever else is held.
const dawn = create(options.dawn);
const found = await openWebGpu(dawn);
const software = found.target.software && !options.hardware;
const gpu = { ...found, target: { ...found.target, software, f16: options.f16 } };
gpu.device.onuncapturederror = ({ error }) => console.error(error.message);
for (const model of models) console.log(JSON.stringify(await measure(model, gpu), null, 1));
// Dawn's threads would keep the process.
process.exit(dawn ? 0 : 1);
