// What the subcommands answer for a model whose answers are known.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, npy, npyValues, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const model = writeModel(folder, 'colours', colourModel({ metadata: { normalisation: 'unit' } }));
const silent = writeModel(folder, 'silent', colourModel(), 'colours.json');
const put = (name, content) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const red = put('red.png', png(9, 5, [255, 0, 0]));
const green = put('green.png', png(5, 9, [0, 255, 0]));
const blue = put('blue.png', png(4, 4, [0, 0, 255]));
const labels = put('labels.txt', 'red\ngreen\nblue\n');

const ok = async (...args) => {
  const result = await linnet(...args);
  assert.equal(result.code, 0, result.stderr);
  return result;
};
const json = async (...args) => JSON.parse((await ok(...args, '--json')).stdout);
const near = (actual, expected) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-4, `${actual} is not ${expected}`));
};

test('inspect tells what the model is', async () => {
  const found = await json('inspect', model);
  assert.equal(found.format, 'graph');
  assert.deepEqual(found.inputs, [{ name: 'image', dtype: 'f32', shape: [1, 4, 4, 3] }]);
  assert.deepEqual(found.outputs, [{ name: 'scores', dtype: 'f32', shape: [1, 3] }]);
  assert.equal(found.parameters, 9);
  assert.equal(found.macs, 9);
  assert.equal(found.weights.bytes, 2 * 4 + 9 * 4);
  assert.deepEqual(
    found.weights.by_type.map(({ type, bytes, elements }) => [type, bytes, elements]).sort(),
    [['float32', 36, 9], ['int32', 8, 2]],
  );
  assert.ok(found.memory.arena_bytes >= found.memory.lower_bound_bytes);
  assert.ok(found.memory.lower_bound_bytes >= 4 * 4 * 3 * 4);
  assert.equal(Object.values(found.ops).reduce((a, b) => a + b), found.nodes);
  assert.deepEqual(found.row_chains, []);
  assert.ok(found.passes.length > 0 && found.passes.every((pass) => pass.nodes_after >= 0));
  assert.match((await ok('inspect', model)).stdout, /^parameters +9$/m);
});

test('inspect prints the graph before and after the passes', async () => {
  const before = (await ok('inspect', model, '--graph')).stdout;
  const after = (await ok('inspect', model, '--graph=optimised')).stdout;
  for (const text of [before, after]) {
    assert.match(text, /input %image: f32\[1,4,4,3\]/);
    assert.match(text, /output %scores/);
  }
});

test('run computes what the model says', async () => {
  const values = Array.from({ length: 48 }, (_, i) => i / 8);
  const means = [0, 1, 2].map((c) => values.filter((_, i) => i % 3 === c).reduce((a, b) => a + b) / 16);
  const expected = means.map((mean) => 10 * mean);
  const input = put('in.npy', npy([1, 4, 4, 3], values));
  const output = join(folder, 'out.npy');
  for (const extra of [[], ['--reference'], ['--threads', '2']]) {
    const { outputs } = await json('run', model, '--input', input, '--output', output, ...extra);
    near(npyValues(readFileSync(output)), expected);
    assert.deepEqual([outputs[0].name, outputs[0].shape, outputs[0].file], ['scores', [1, 3], output]);
    near([outputs[0].min, outputs[0].max, outputs[0].mean], [expected[0], expected[2], expected[1]]);
  }

  // Raw elements in, raw elements out.
  const raw = put('in.bin', Buffer.from(Float32Array.from(values).buffer));
  const { stdout, stderr } = await linnet('run', model, '--input', `image=${raw}`, '--output', '-', { binary: true });
  near([...new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + 12))], expected);
  assert.equal(stdout.length, 12);
  assert.match(stderr, /scores .*\[1,3\]/);
});

test('random input is the same for the same seed, and can be saved', async () => {
  const saved = join(folder, 'saved.npy');
  const out = join(folder, 'random.npy');
  const run = async (input, ...flags) => {
    await ok('run', model, '--input', input, '--output', out, ...flags);
    return npyValues(readFileSync(out));
  };
  const first = await run('random:7', '--save-input', saved);
  assert.deepEqual(await run('random:7'), first);
  assert.deepEqual(await run(saved), first);
  assert.notDeepEqual(await run('random:8'), first);
  const values = npyValues(readFileSync(saved));
  assert.equal(values.length, 48);
  assert.ok(values.every((value) => value >= 0 && value < 1) && new Set(values).size > 40);
});

test('run writes a file for each output into a directory', async () => {
  const out = `${join(folder, 'outputs')}/`;
  const result = await json('run', model, '--input', 'random', '--output', out);
  assert.deepEqual(readdirSync(out), ['scores.npy']);
  assert.equal(result.outputs[0].file, join(out, 'scores.npy'));
});

test('run --repeat gives times', async () => {
  const result = await json('run', model, '--input', 'random', '--repeat', '9');
  assert.equal(result.runs, 9);
  assert.ok(result.p50_ms >= 0 && result.p95_ms >= result.p50_ms);
});

test('classify names colours', async () => {
  const result = await json('classify', model, red, green, blue, '--labels', labels, '--top', '2');
  assert.deepEqual(result.images.map(({ file, top }) => [file, top[0].index, top[0].label]), [
    [red, 0, 'red'],
    [green, 1, 'green'],
    [blue, 2, 'blue'],
  ]);
  for (const { top } of result.images) {
    assert.equal(top.length, 2);
    // Scores of 10, 0 and 0, through softmax.
    assert.ok(Math.abs(top[0].probability - Math.exp(10) / (Math.exp(10) + 2)) < 1e-5);
  }
  const text = await ok('classify', model, red, '--labels', labels);
  assert.match(text.stdout, /red\.png[^\n]*\n +99\.99 % +red\n/);
  assert.equal(text.stderr, '');
});

test('classify takes labels.txt from beside the model', async () => {
  const beside = writeModel(folder, 'labelled', colourModel({ metadata: { normalisation: 'unit' } }));
  writeFileSync(join(beside, 'labels.txt'), 'background\nred\ngreen\nblue\n');
  assert.equal((await json('classify', beside, green)).images[0].top[0].label, 'green');
  writeFileSync(join(beside, 'labels.txt'), 'one\n');
  const { stdout, stderr } = await ok('classify', beside, green);
  assert.match(stdout, /class 1/);
  assert.match(stderr, /labels\.txt: 1 labels for a model of 3 classes/);
});

test('classify says what it assumes, and does as it is told', async () => {
  const assumed = await ok('classify', silent, red, '--json');
  assert.match(assumed.stderr, /assuming pm1/);
  assert.equal(JSON.parse(assumed.stdout).normalisation, 'pm1');
  const told = await ok('classify', silent, red, '--json', '--normalisation', 'raw', '--fit', 'stretch');
  assert.equal(told.stderr, '');
  assert.equal(JSON.parse(told.stdout).images[0].top[0].probability, 1);
});

test('a broken image does not stop the others', async () => {
  const broken = put('broken.png', readFileSync(red).subarray(0, 40));
  const text = put('text.jpg', 'not an image');
  const empty = put('empty.jpg', '');
  const missing = join(folder, 'missing.jpg');
  const { code, stdout, stderr } = await linnet('classify', model, broken, text, empty, missing, green, '--json');
  assert.equal(code, 1);
  for (const file of [broken, text, empty, missing]) assert.ok(stderr.includes(`${file}: `), stderr);
  const { images } = JSON.parse(stdout);
  assert.deepEqual(images.map((image) => 'error' in image), [true, true, true, true, false]);
  assert.equal(images[4].top[0].index, 1);
});

test('bench accounts for all of the model', async () => {
  const found = await json('bench', model, '--runs', '4', '--per-op', '--threads', '2');
  assert.equal(found.runs, 4);
  assert.equal(found.threads, 2);
  assert.equal(found.macs, 9);
  assert.ok(found.first_ms > 0 && found.p50_ms > 0 && found.p95_ms >= found.p50_ms && found.peak_gflops > 0);
  for (const rows of [found.nodes, found.ops]) {
    assert.equal(rows.reduce((sum, { macs }) => sum + macs, 0), 9);
    assert.ok(Math.abs(rows.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-2);
  }
  const steps = (rows) => rows.reduce((sum, row) => sum + row.steps, 0);
  assert.equal(steps(found.ops), steps(found.nodes));
  for (const { node, op, shape, kernel, dtype } of found.nodes) assert.ok(node && op && shape.includes(' -> ') && kernel && dtype);
  assert.equal((await json('bench', model, '--runs', '1')).nodes, undefined);
  assert.match((await ok('bench', model, '--runs', '1', '--per-op')).stdout, /^node +op +shape +kernel +MACs/m);
});

test('quantize calibrates a model that then answers in int8', async () => {
  const samples = join(folder, 'samples');
  mkdirSync(samples);
  for (const [name, pixel] of [['a', [255, 0, 0]], ['b', [0, 255, 0]], ['c', [0, 0, 255]]])
    writeFileSync(join(samples, `${name}.png`), png(4, 4, pixel));
  writeFileSync(join(samples, 'notes.txt'), 'not a sample');
  const target = join(folder, 'int8');
  const made = await json('quantize', model, '--int8', '--calibrate', samples, '-o', target);
  assert.equal(made.model, join(target, 'model.json'));
  assert.equal(made.samples, 3);
  const written = JSON.parse(readFileSync(made.model, 'utf8'));
  const { linnet: extra, ...metadata } = written.userDefinedMetadata;
  assert.deepEqual(metadata, { normalisation: 'unit' });
  assert.deepEqual(extra.ranges, { image: [0, 1], mean: [0, 1], scores: [0, 10] });
  const weights = written.weightsManifest[0].weights.find(({ name }) => name === 'weights/codes');
  assert.deepEqual(weights.quantization, { min: -127, scale: 1, dtype: 'uint8', original_dtype: 'float32' });

  const { ops_optimised: ops } = await json('inspect', target);
  assert.ok(ops.quantized_conv2d === 1 && ops.matmul === undefined, JSON.stringify(ops));
  for (const file of [red, green, blue]) {
    const [int8, f32] = [await json('classify', target, file), await json('classify', target, file, '--f32')];
    assert.equal(int8.images[0].top[0].index, f32.images[0].top[0].index);
  }
  // Calibrating again replaces the ranges.
  const again = join(folder, 'again');
  await json('quantize', target, '--int8', '--calibrate', samples, '--limit', '1', '-o', again);
  const ranges = JSON.parse(readFileSync(join(again, 'model.json'), 'utf8')).userDefinedMetadata.linnet.ranges;
  assert.deepEqual(ranges.scores, [0, 10]);
  assert.deepEqual(ranges.image, [0, 1]);
});

test('quantize keeps layers in fp16 until the drop is within the budget', async () => {
  const samples = join(folder, 'samples');
  const target = join(folder, 'mixed');
  const budget = await json('quantize', model, '--int8', '--calibrate', samples, '--max-drop', '100', '-o', target);
  assert.deepEqual(budget.layers.map(({ precision }) => precision), ['int8']);
  // Without an error there is no ratio to it.
  const [{ sqnr_db: sqnr, op, weights }] = budget.layers;
  assert.ok((sqnr === null || sqnr > 20) && op === 'matmul' && weights > 0, JSON.stringify(budget.layers));
  assert.ok(budget.drop >= 0 && budget.agreement === 100 && budget.labelled === false);
  // Labels that no answer suits: the drop is counted by them, and they have to fit.
  const labels = join(folder, 'sample_labels.json');
  writeFileSync(labels, JSON.stringify({ 'a.png': 0, 'b.png': 1, 'c.png': 2 }));
  const labelled = await json('quantize', model, '--int8', '--calibrate', samples, '--labels', labels, '-o', target);
  assert.ok(labelled.labelled && labelled.drop === 0);
  writeFileSync(labels, JSON.stringify({ 'a.png': 0, 'b.png': 1, 'c.png': 999 }));
  const wrong = await linnet('quantize', model, '--int8', '--calibrate', samples, '--labels', labels, '-o', target);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /c\.png is of class 999, but the model has \d+ classes/);
  const { stdout } = await ok('quantize', model, '--int8', '--calibrate', samples, '-o', target);
  assert.match(stdout, /^layer alone in int8 +op +weights +SQNR dB +KL +kept in/m);
});

test('quantize --dynamic-int8 needs no samples, and measures on some', async () => {
  const target = join(folder, 'dynamic');
  const made = await json('quantize', model, '--dynamic-int8', '-o', target);
  assert.deepEqual([made.precision, made.samples, made.drop], ['dynamic-int8', undefined, undefined]);
  assert.deepEqual(made.layers, [{ layer: 'scores', op: 'matmul', weights: 9, precision: 'int8' }]);
  const written = JSON.parse(readFileSync(made.model, 'utf8'));
  assert.deepEqual(written.userDefinedMetadata.linnet.ranges, { scores: 'dynamic' });
  assert.ok(made.weights_bytes > 0 && made.weights_bytes_before > 0);
  assert.equal((await json('inspect', target)).ops_optimised.dynamic_matmul, 1);
  assert.equal((await json('inspect', target, '--f32')).ops_optimised.matmul, 1);
  for (const file of [red, green, blue]) {
    const [int8, f32] = [await json('classify', target, file), await json('classify', model, file)];
    assert.equal(int8.images[0].top[0].index, f32.images[0].top[0].index);
  }
  const samples = ['--calibrate', join(folder, 'samples')];
  const measured = await json('quantize', model, '--dynamic-int8', ...samples, '--max-drop', '100', '-o', target);
  assert.deepEqual([measured.samples, measured.agreement, measured.labelled], [3, 100, false]);
  assert.ok(measured.layers[0].divergence >= 0);
  assert.match((await ok('quantize', model, '--dynamic-int8', '-o', target)).stdout, /^in int8 +1 layers: 1 matmul$/m);
  // Calibrating it gives ranges in place of that.
  await json('quantize', target, '--int8', ...samples, '-o', join(folder, 'static'));
  const { ranges } = JSON.parse(readFileSync(join(folder, 'static/model.json'), 'utf8')).userDefinedMetadata.linnet;
  assert.deepEqual(ranges.scores, [0, 10]);
  const half = await json('quantize', model, '--fp16', ...samples, '-o', join(folder, 'half'));
  assert.deepEqual([half.samples, half.agreement, half.layers], [3, 100, undefined]);
  for (const flags of [['--dynamic-int8', '--max-drop', '1'], ['--dynamic-int8', '--int8', ...samples], ['--fp16', ...samples, '--max-drop', '1']])
    assert.equal((await linnet('quantize', model, ...flags, '-o', join(folder, 'no'))).code, 2, flags.join(' '));
});

// The PCG output permutation as a hash, and the self-test's input by it.
const pcg = (value) => {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
};
const golden = (count, seed, low, high) =>
  Float32Array.from({ length: count }, (_, i) => low + (high - low) * ((pcg((i + pcg(pcg(seed))) >>> 0) >>> 8) * 2 ** -24));

test('golden has a model carry its answers to a deterministic input', async () => {
  const target = join(folder, 'golden');
  const made = await json('golden', model, '-o', target, '--low', '-1', '--high', '3', '--seed', '9');
  const written = JSON.parse(readFileSync(made.model, 'utf8')).userDefinedMetadata.linnet.golden;
  assert.deepEqual([written.seed, written.low, written.high], [9, -1, 3]);
  const input = join(folder, 'golden.npy');
  writeFileSync(input, npy([1, 4, 4, 3], golden(48, 9, -1, 3)));
  const { stdout } = await linnet('run', model, '--input', input, '--output', '-', { binary: true });
  const answers = new Float32Array(new Uint8Array(stdout).buffer);
  const { at, values, range } = written.outputs.scores;
  assert.deepEqual(at, [...answers.keys()]);
  assert.deepEqual(values, [...answers]);
  assert.equal(range, Math.max(...answers) - Math.min(...answers));
  const notFinite = await linnet('golden', model, '-o', join(folder, 'never'), '--high', 'inf');
  assert.notEqual(notFinite.code, 0);
});

const samplesOf = (file) => {
  const directory = join(folder, 'one');
  mkdirSync(directory);
  copyFileSync(file, join(directory, 'one.png'));
  return directory;
};

test('optimise and quantize --fp16 write models that compute the same', async () => {
  const scores = async (source) => (await json('classify', source, red)).images[0].top;
  const expected = await scores(model);
  for (const args of [['optimise'], ['quantize', '--fp16']]) {
    const [subcommand, ...flags] = args;
    const target = join(folder, subcommand);
    const made = await json(subcommand, model, ...flags, '-o', target);
    assert.equal(made.model, join(target, 'model.json'));
    const written = JSON.parse(readFileSync(made.model, 'utf8'));
    assert.deepEqual(written.userDefinedMetadata, { normalisation: 'unit' });
    assert.deepEqual(await scores(target), expected);
  }
  const neither = await linnet('quantize', model, '-o', join(folder, 'neither'));
  assert.equal(neither.code, 2);
  const uncalibrated = await linnet('quantize', model, '--int8', '-o', join(folder, 'neither'));
  assert.equal(uncalibrated.code, 2);
  assert.match(uncalibrated.stderr, /--calibrate/);
});

test('quantize refuses samples that cannot calibrate', async () => {
  const empty = join(folder, 'empty');
  const black = join(folder, 'black');
  const broken = join(folder, 'broken');
  for (const directory of [empty, black, broken]) mkdirSync(directory);
  writeFileSync(join(black, 'a.png'), png(4, 4, [0, 0, 0]));
  writeFileSync(join(broken, 'a.npy'), npy([1, 4, 4, 3], new Float32Array(48).fill(NaN)));
  const refuse = async (directory, target, code, message) => {
    const result = await linnet('quantize', model, '--int8', '--calibrate', directory, '-o', target);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
  };
  const target = join(folder, 'refused');
  await refuse(empty, target, 1, /empty: no JPEG, PNG, WebP or \.npy files/);
  await refuse(black, target, 2, /every value stays the same/);
  await refuse(broken, target, 2, /a\.npy: the value 'image' is not finite/);
  assert.equal(existsSync(target), false);
  await refuse(samplesOf(red), model, 2, /the model itself lies there/);
});

test('prune says what it cannot do', async () => {
  const dark = join(folder, 'dark');
  mkdirSync(dark);
  writeFileSync(join(dark, 'a.png'), png(4, 4, [0, 0, 0]));
  const refuse = async (message, ...args) => {
    const target = join(folder, 'unpruned');
    const result = await linnet('prune', ...args, '-o', target);
    assert.equal(result.code, 2, result.stderr);
    assert.match(result.stderr, message);
    assert.equal(existsSync(target), false);
  };
  await refuse(/the model has no channels that could be removed/, model);
  await refuse(/needs calibration samples/, model, '--criterion', 'activation');
  await refuse(/all calibration samples hold one and the same value/, model, '--calibrate', dark);
  await refuse(/--macs/, model, '--macs', '1.5');
});
