// The module's boundary, without a browser: what it imports and exports, and that it neither leaks nor trusts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildRoot, missing, modelsFolder } from '../differential/linnet.mjs';
import { importTypeScript } from '../../web/test/bundle.mjs';
import { products, smallClassifier, smallRanges } from '../e2e/small_models.mjs';

const modulePath = (variant) => join(buildRoot, `wasm-${variant}`, 'linnet.wasm');
const skip = missing(modulePath('simd'));
const small = smallClassifier();
const json = new TextEncoder().encode(JSON.stringify(small.json));

let Engine, codes;
before(async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../web/scripts/generate_abi.mjs', import.meta.url))]);
  ({ Engine } = await importTypeScript('web/src/worker/engine.ts'));
  ({ errorCodes: codes } = await importTypeScript('web/src/generated/abi.ts'));
});

const abi = readFileSync(new URL('../../src/abi/abi.def', import.meta.url), 'utf8');
const opCount = readFileSync(new URL('../../src/graph/ops.def', import.meta.url), 'utf8').match(/^LINNET_OP\(/gm).length;
const load = (variant = 'simd') => new WebAssembly.Module(readFileSync(modulePath(variant)));

/** The exports as they are, for calls that the host would never make. */
async function instantiate() {
  const none = () => 8;
  const linnet = { block_new: none, block_write: none, block_read: none, block_drop: none };
  const imports = { wasi_snapshot_preview1: { clock_time_get: none, fd_write: none }, linnet };
  const { exports } = await WebAssembly.instantiate(load(), imports);
  exports._initialize();
  const lastError = () => {
    const [code, text, bytes] = new Uint32Array(exports.memory.buffer, exports.last_error(), 3);
    return { code, text: new TextDecoder().decode(new Uint8Array(exports.memory.buffer, text, bytes)) };
  };
  return { exports, lastError };
}

function openSmall(engine, text = json) {
  const { handle } = engine.openModel(text);
  engine.writeShard(handle, 0, small.weights);
  engine.endShard(handle, 0);
  return handle;
}

describe('the module', { skip }, () => {
  test('imports no more than it did', () => {
    const blocks = [...abi.matchAll(/^LINNET_ABI_IMPORT\(\w+, (\w+),/gm)].map(([, name]) => `linnet.${name}`);
    assert.equal(blocks.length, 4);
    const system = ['clock_time_get', 'fd_write'].map((name) => `wasi_snapshot_preview1.${name}`);
    for (const variant of ['simd', 'simd-threads'].filter((name) => !missing(modulePath(name)))) {
      const names = WebAssembly.Module.imports(load(variant)).map(({ module, name }) => `${module}.${name}`);
      assert.deepEqual(names.sort(), variant === 'simd' ? [...blocks, ...system].sort() : ['env.memory', ...system], variant);
    }
  });

  test('exports what abi.def lists, its memory and its start', () => {
    const listed = [...abi.matchAll(/^LINNET_ABI_FUNCTION\(\w+, (\w+),/gm)];
    const names = WebAssembly.Module.exports(load()).map(({ name }) => name);
    assert.deepEqual(names.sort(), [...listed.map(([, name]) => name), '_initialize', 'memory'].sort());
  });

  test('agrees with the TypeScript on the layout', async () => {
    // Engine.create compares the hashes, and refuses where they differ.
    await Engine.create(load(), false);
  });

  test('refuses handles that are stale, made up or of the wrong kind', async () => {
    const { exports, lastError } = await instantiate();
    for (const handle of [0, 1, 0xffffffff, 0x100001]) {
      for (const call of ['model_info', 'session_info', 'session_wake', 'session_run', 'close']) {
        assert.equal(exports[call](handle), 0, call);
        assert.equal(lastError().code, codes.BadHandle[0]);
      }
    }
    const engine = await Engine.create(load(), false);
    const model = openSmall(engine);
    assert.throws(() => engine.run(model), { code: 'BadHandle' });
    engine.close(model);
    assert.throws(() => engine.close(model), { code: 'BadHandle' });
    assert.throws(() => engine.compile(model, 1, 1, {}), { code: 'BadHandle' });
  });

  test('refuses shards that do not exist, more bytes than the manifest lists, and fewer', async () => {
    const { exports, lastError } = await instantiate();
    const address = exports.alloc(json.length);
    new Uint8Array(exports.memory.buffer).set(json, address);
    const model = exports.model_open(address, json.length, 0);
    assert.equal(exports.shard_room(model, 1), 0);
    assert.equal(lastError().code, codes.InvalidArgument[0]);
    const [, room] = new Uint32Array(exports.memory.buffer, exports.shard_room(model, 0), 2);
    assert.ok(room > 0);
    assert.equal(exports.shard_filled(model, 0, room + 1), 0);
    assert.equal(lastError().code, codes.InvalidArgument[0]);

    const engine = await Engine.create(load(), false);
    const { handle } = engine.openModel(json);
    engine.writeShard(handle, 0, small.weights);
    assert.throws(() => engine.writeShard(handle, 0, new Uint8Array(1)), { code: 'WrongSize' });
    // It has not ended, so there is nothing to compile.
    assert.throws(() => engine.compile(handle, 1, 1, {}), { code: 'MissingWeight' });
    const { handle: other } = engine.openModel(json);
    engine.writeShard(other, 0, small.weights.subarray(1));
    assert.throws(() => engine.endShard(other, 0), { code: 'WrongSize' });
  });

  test('takes a shard in pieces', async () => {
    const engine = await Engine.create(load(), false);
    const { handle } = engine.openModel(json);
    for (let at = 0; at < small.weights.length; at += 999) engine.writeShard(handle, 0, small.weights.subarray(at, at + 999));
    engine.endShard(handle, 0);
    const { handle: session, description } = engine.compile(handle, 1, 1, {});
    engine.run(session);
    const [{ address: at, bytes }] = description.outputs;
    const answers = new Float32Array(engine.bytes.slice(at, at + bytes).buffer);
    const sum = answers.reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - 1) < 1e-5, `softmax sums to ${sum}`);
  });

  test('opening, compiling, running and closing leaves the heap as it was', async () => {
    const engine = await Engine.create(load(), false);
    const cycle = () => {
      const model = openSmall(engine);
      const { handle: session } = engine.compile(model, 1, 1, {});
      engine.close(model);
      const plan = { fit: 'crop', crop: 1, normalisation: 'unit', scale: [1, 1, 1], offset: [0, 0, 0] };
      engine.prepareImage(session, 0, plan, { width: 64, height: 48, format: 0, matrix: 0, fullRange: false });
      engine.loadImage(session, 0);
      const before = engine.heap().allocations;
      for (let i = 0; i < 5; ++i) {
        engine.loadImage(session, 0);
        engine.run(session);
      }
      assert.equal(engine.heap().allocations, before, 'runs allocated');
      engine.close(session);
    };
    cycle(); // the table of handles is as large as it gets
    const { liveBlocks, liveBytes } = engine.heap();
    const size = engine.bytes.length;
    for (let i = 0; i < 20; ++i) cycle();
    const after = engine.heap();
    assert.deepEqual([after.liveBlocks, after.liveBytes], [liveBlocks, liveBytes]);
    assert.equal(engine.bytes.length, size, 'the memory grew');
  });

  test('writes images as codes where the model begins with them, with the same bits', async () => {
    const engine = await Engine.create(load(), false);
    const int8 = smallClassifier({ metadata: { linnet: { ranges: smallRanges } } });
    const model = openSmall(engine, new TextEncoder().encode(JSON.stringify(int8.json)));
    const { handle: session, description } = engine.compile(model, 1, 1, {});
    const [input] = description.inputs, [output] = description.outputs;
    assert.deepEqual(engine.profile(session, 1).slice(0, 2).map(({ op }) => op), ['quantize', 'quantized_conv2d']);
    const elements = () => new Float32Array(engine.bytes.buffer, input.address, input.bytes / 4);
    const run = () => {
      engine.run(session);
      return engine.bytes.slice(output.address, output.address + output.bytes);
    };
    const plan = { fit: 'stretch', crop: 1, normalisation: 'pm1', scale: [1, 1, 1], offset: [0, 0, 0] };
    const layout = { width: 48, height: 48, format: 0, matrix: 0, fullRange: false };
    const pixels = Uint8Array.from({ length: 4 * 48 * 48 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
    const address = engine.prepareImage(session, 0, plan, layout);
    engine.bytes.set(pixels, address);
    const fill = () => elements().forEach((_, i, all) => (all[i] = Math.fround(pixels[4 * Math.floor(i / 3) + (i % 3)] * Math.fround(1 / 127.5)) - 1));
    fill();
    const expected = run();
    elements().fill(7);
    const sevens = run();
    assert.notDeepEqual(sevens, expected);

    elements().fill(7);
    engine.loadImage(session, 0);
    assert.ok(elements().every((value) => value === 7), 'the image went into the elements');
    assert.deepEqual(run(), expected);
    elements().fill(7);
    assert.deepEqual(run(), sevens);
    engine.loadImage(session, 0);
    engine.wake(session);
    elements().fill(7);
    assert.deepEqual(run(), sevens);
  });

  // A graph of float32 in several files, and layers of uint8 in one with batch norms to fold.
  for (const name of ['mobilenet_v2_1.0_224', 'nsfwjs_mobilenet_v2'])
    test(`loading ${name} takes hardly more than the model that results`, { skip: missing(join(modelsFolder, name)) }, async () => {
      const engine = await Engine.create(load(), false);
      const folder = join(modelsFolder, name);
      const { handle, description } = engine.openModel(readFileSync(join(folder, 'model.json')));
      const before = engine.heap().liveBytes;
      description.shards.forEach((path, i) => {
        engine.writeShard(handle, i, readFileSync(join(folder, path)));
        engine.endShard(handle, i);
      });
      // Weights stay as they are stored.
      const { weightsBytes } = description;
      const read = engine.heap().liveBytes - before;
      const { description: session } = engine.compile(handle, 1, 1, {});
      assert.ok(read < 1.15 * weightsBytes, `${read} bytes are held of files of ${weightsBytes}`);
      const ratio = engine.heap().peakBytes / session.resident;
      assert.ok(ratio < 1.1, `the heap's peak is ${ratio} times weights, arena and plan`);
    });

  /** The constants of a model's graph, by value, and what reading them took at most of heap and host. */
  async function constantsOf(model, outside) {
    const engine = await Engine.create(load(), false);
    const { handle, description } = engine.openModel(model.json, outside);
    for (const [i, bytes] of model.shards(description).entries()) {
      engine.writeShard(handle, i, bytes);
      engine.endShard(handle, i);
    }
    const graph = engine.openGraph(handle, 1, {});
    engine.close(handle);
    // Flat words begin with two for each op; the number of values follows.
    const values = new Uint32Array(graph.words.slice().buffer)[2 * opCount];
    // Each is read twice, as where two kernels pack it.
    const all = () => Array.from({ length: values }, (_, value) => graph.constant(value).slice()).filter(({ length }) => length > 0);
    const constants = all();
    assert.deepEqual(all(), constants);
    const { peakBytes } = engine.heap();
    // What a GPU leaves to the CPU reads them as well.
    const { handle: session, description: { inputs: [input], outputs: [output] } } = engine.compileNodes(graph.handle, 0, graph.nodes.length - 1);
    engine.close(graph.handle);
    assert.equal(engine.blocks.size, 0, 'blocks are left');
    new Float32Array(engine.bytes.buffer, input.address, input.bytes / 4).forEach((_, i, all) => (all[i] = Math.sin(i)));
    engine.run(session);
    const answer = engine.bytes.slice(output.address, output.address + output.bytes);
    return { constants, answer, peakBytes, stored: description.weightsBytes };
  }

  const encoded = (model) => ({ json: new TextEncoder().encode(JSON.stringify(model.json)), shards: () => [model.weights] });
  const shared = (name) => ({
    json: missing(modelsFolder) ? null : readFileSync(join(modelsFolder, name, 'model.json')),
    shards: ({ shards }) => shards.map((path) => readFileSync(join(modelsFolder, name, path))),
  });
  for (const [name, model] of [
    ['a model of all storage types', () => encoded(products())],
    ['mobilenet_v2_1.0_224', () => shared('mobilenet_v2_1.0_224')],
    ['nsfwjs_mobilenet_v2', () => shared('nsfwjs_mobilenet_v2')],
  ])
    test(`weights of ${name} need not wait in the heap`, { skip: name.startsWith('a ') ? false : missing(join(modelsFolder, name)) }, async () => {
      const inside = await constantsOf(model(), false);
      const outside = await constantsOf(model(), true);
      assert.ok(outside.constants.length > 0);
      assert.deepEqual(outside.constants, inside.constants);
      assert.deepEqual(outside.answer, inside.answer);
      const largest = Math.max(...outside.constants.map(({ length }) => length));
      const sum = outside.constants.reduce((total, { length }) => total + length, 0);
      assert.ok(inside.peakBytes > inside.stored, 'the comparison is of nothing');
      assert.ok(outside.peakBytes < 0.2 * sum + largest, `the heap's peak is ${outside.peakBytes} of ${sum} bytes in constants, of which ${largest} in one`);
    });

  test('a host without memory for a weight is an error of the load', async () => {
    const engine = await Engine.create(load(), false);
    const model = encoded(products());
    const { handle } = engine.openModel(model.json, true);
    const set = engine.blocks.set;
    engine.blocks.set = () => {
      throw new RangeError('Array buffer allocation failed');
    };
    assert.throws(() => engine.writeShard(handle, 0, model.shards()[0]), { code: 'OutOfMemory' });
    engine.blocks.set = set;
    engine.close(handle);
  });

  test('a trap marks the engine as failed for good', async () => {
    const engine = await Engine.create(load(), false);
    const model = openSmall(engine);
    const { handle: session } = engine.compile(model, 1, 1, {});
    engine.bytes.fill(0xff); // every pointer in it now leads nowhere
    const failed = { name: 'LinnetError', code: 'EngineFailed', message: /load the model again/ };
    assert.throws(() => engine.run(session), failed);
    assert.throws(() => engine.run(session), failed);
    assert.throws(() => engine.close(session), failed);
    assert.throws(() => engine.heap(), failed);
  });

  test('a model that is refused leaves nothing behind', async () => {
    const engine = await Engine.create(load(), false);
    const bad = ['', '{', '[]', '{"modelTopology": 3}', JSON.stringify({ ...small.json, weightsManifest: [{ paths: ['a'], weights: [{ name: 'x', shape: [-4], dtype: 'float32' }] }] })];
    const attempt = () => {
      for (const text of bad) assert.throws(() => engine.openModel(new TextEncoder().encode(text)), { name: 'LinnetError' });
      const model = openSmall(engine);
      assert.throws(() => engine.compile(model, 1, 1, { image: [1, 3] }), { name: 'LinnetError' });
      engine.close(model);
    };
    attempt();
    const { liveBlocks, liveBytes } = engine.heap();
    for (let i = 0; i < 5; ++i) attempt();
    const after = engine.heap();
    assert.deepEqual([after.liveBlocks, after.liveBytes, after.liveHandles], [liveBlocks, liveBytes, 0]);
  });
});
