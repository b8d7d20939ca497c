import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { before, test } from 'node:test';
import { importTypeScript } from './bundle.mjs';

let tensors, plans, variants;
before(async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/generate_abi.mjs', import.meta.url))]);
  tensors = await importTypeScript('web/src/tensors.ts');
  plans = await importTypeScript('web/src/image_plan.ts');
  variants = await importTypeScript('web/src/variants.ts');
});

const image = { name: 'image', dtype: 'f32', shape: [1, 2, 2, 3] };
const ids = { name: 'ids', dtype: 'i32', shape: [4] };
const withCode = (code, words) => (error) => error.code === code && words.test(error.message);

test('inputs are put in the order of the model', () => {
  const a = new Float32Array(12);
  const b = new Int32Array(4);
  assert.deepEqual(tensors.orderInputs([image], a), [a]);
  assert.deepEqual(tensors.orderInputs([image, ids], { ids: b, image: a }), [a, b]);
});

test('kept tensors are inputs of their shape, but for dimensions of 1', () => {
  const kept = (dtype, shape) => ({ name: 'kept', dtype, shape });
  const order = (given, inputs = [image]) => tensors.orderInputs(inputs, given, (value) => value?.name === 'kept');
  for (const tensor of [kept('f32', [1, 2, 2, 3]), kept('f32', [2, 2, 1, 3])]) {
    assert.deepEqual(order(tensor), [tensor]);
    assert.deepEqual(order({ ids: new Int32Array(4), image: tensor }, [image, ids])[0], tensor);
  }
  for (const tensor of [kept('f32', [1, 3, 2, 2]), kept('f32', [12]), kept('i32', [1, 2, 2, 3])])
    assert.throws(() => order(tensor), withCode('WrongSize', /'image' \(f32 \[1,2,2,3\]\) does not take the kept 'kept'/));
  assert.throws(() => order(kept('f32', [1, 2, 2, 3]), [image, ids]), withCode('InvalidArgument', /2 inputs/));
});

test('wrong inputs are refused by name', () => {
  const order = (inputs, given) => () => tensors.orderInputs(inputs, given);
  assert.throws(order([image, ids], new Float32Array(12)), withCode('InvalidArgument', /2 inputs.*'ids' \(i32 \[4\]\)/));
  assert.throws(order([image], { picture: new Float32Array(12) }), withCode('InvalidArgument', /no input 'picture'.*'image'/));
  assert.throws(order([image, ids], { image: new Float32Array(12) }), withCode('InvalidArgument', /'ids'.*missing/));
  assert.throws(order([image], new Float32Array(11)), withCode('WrongSize', /takes 12 elements, not 11/));
  assert.throws(order([image], new Float64Array(12)), withCode('TypeMismatch', /takes a Float32Array/));
  assert.throws(order([image], null), withCode('InvalidArgument', /typed array/));
});

test('image options: a call overrules the load, and that the metadata', () => {
  const metadata = plans.imageOptionsOf({ normalisation: 'pm1', fit: 'stretch', crop: 1, model: 'm' });
  assert.deepEqual(plans.planImage({ fit: 'letterbox' }, { normalisation: 'raw' }, metadata), {
    fit: 'letterbox',
    crop: 1,
    normalisation: 'raw',
    scale: [1, 1, 1],
    offset: [0, 0, 0],
  });
  const plain = plans.planImage({}, {}, plans.imageOptionsOf({ normalisation: null }));
  assert.deepEqual([plain.fit, plain.crop, plain.normalisation], ['crop', 0.875, 'unit']);
});

test('a normalisation of its own becomes scale and offset of pixel values', () => {
  const { normalisation, scale, offset } = plans.planImage({
    normalisation: { mean: [0.5, 0, 0.25], deviation: [0.5, 1, 0.5] },
  });
  assert.equal(normalisation, '');
  [0, 51, 255].forEach((x) =>
    [0.5, 0, 0.25].forEach((mean, c) => {
      const expected = (x / 255 - mean) / [0.5, 1, 0.5][c];
      assert.ok(Math.abs(x * scale[c] + offset[c] - expected) < 1e-12);
    }),
  );
  const bad = { mean: [0, 0, 0], deviation: [1, 0, 1] };
  assert.throws(() => plans.planImage({ normalisation: bad }), withCode('InvalidArgument', /positive deviation/));
});

test('the variant follows the features and the threads', () => {
  const all = { simd: true, relaxedSimd: true, threads: true };
  const choose = variants.chooseVariant;
  assert.deepEqual(choose(all, 4), { variant: 'relaxed-threads', threads: 4 });
  assert.deepEqual(choose(all, 1), { variant: 'relaxed', threads: 1 });
  assert.deepEqual(choose({ ...all, threads: false }, 4), { variant: 'relaxed', threads: 1 });
  assert.deepEqual(choose({ ...all, relaxedSimd: false }, 4), { variant: 'simd-threads', threads: 4 });
  assert.deepEqual(choose(all, 4, 'simd'), { variant: 'simd', threads: 1 });
  assert.throws(() => choose({ ...all, simd: false }, 1), withCode('UnsupportedHost', /no WebAssembly SIMD/));
  assert.throws(() => choose({ ...all, relaxedSimd: false }, 1, 'relaxed'), withCode('UnsupportedHost', /relaxed/));
  assert.throws(() => choose({ ...all, threads: false }, 2, 'simd-threads'), withCode('UnsupportedHost', /isolated/));
});

test('feature tests are well-formed modules', () => {
  // Node.js has SIMD, and no cross-origin isolation to speak of.
  assert.equal(variants.detectCapabilities().simd, true);
  assert.equal(variants.detectCapabilities().threads, false);
});
