// `linnet compare`: where models with known differences part.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, matrixModel, npy, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const metadata = { normalisation: 'unit' };
const model = writeModel(folder, 'colours', colourModel({ metadata }));
// The score of blue is off by 1 where blue is 1.
const other = writeModel(folder, 'other', matrixModel([10, 0, 0, 0, 10, 0, 0, 0, 9], { metadata }));
const photos = join(folder, 'photos');
mkdirSync(photos);
for (const [name, pixel] of [['red', [255, 0, 0]], ['green', [0, 255, 0]], ['blue', [0, 0, 255]]])
  writeFileSync(join(photos, `${name}.png`), png(4, 4, pixel));

const compare = async (code, ...args) => {
  const result = await linnet('compare', ...args);
  assert.equal(result.code, code, result.stderr);
  return result;
};
const json = async (code, ...args) => JSON.parse((await compare(code, ...args, '--json')).stdout);

test('a model does not part from itself', async () => {
  const found = await json(0, model, model, '--threshold', '0');
  assert.equal(found.parting, null);
  assert.deepEqual(found.values.map(({ name }) => name), ['mean', 'scores']);
  for (const value of found.values) {
    assert.equal(value.matched_by, 'name');
    assert.deepEqual([value.max_error, value.rms_error, value.relative_error, value.sqnr_db], [0, 0, 0, null]);
    assert.ok(value.range > 0);
  }
  assert.deepEqual([found.only_first, found.only_second], [[], []]);
  assert.match((await compare(0, model, model)).stdout, /no value is off by more than 5 %/);
});

test('the first value that is off is named', async () => {
  const found = await json(3, model, other, '--images', photos, '--threshold', '0');
  assert.equal(found.samples, 3);
  assert.equal(found.parting, 'scores');
  const [mean, scores] = found.values;
  assert.equal(mean.max_error, 0);
  // Nine scores, three of 10; the blue one is 9.
  const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} is not ${expected}`);
  near(scores.max_error, 1);
  near(scores.rms_error, 1 / 3);
  near(scores.range, 10);
  near(scores.relative_error, 1 / 30);
  near(scores.sqnr_db, 10 * Math.log10(300));
});

test('the first value that is off beyond the threshold decides', async () => {
  assert.equal((await json(3, model, other, '--images', photos, '--threshold', '0.03')).parting, 'scores');
  assert.equal((await json(0, model, other, '--images', photos, '--threshold', '0.04')).parting, null);
  const { stdout } = await compare(3, model, other, '--images', photos, '--threshold', '0.01');
  assert.match(stdout, /they part at scores: RMS error above 1 % of the range/);
});

test('inputs come from files', async () => {
  const input = join(folder, 'in.npy');
  writeFileSync(input, npy([1, 4, 4, 3], Array(48).fill(2)));
  const { values } = await json(3, model, other, '--input', `image=${input}`);
  assert.equal(values[1].max_error, 2);
});

test('an int8 model stays near the one that it was made of', async () => {
  const target = join(folder, 'int8');
  const made = await linnet('quantize', model, '--int8', '--calibrate', photos, '-o', target);
  assert.equal(made.code, 0, made.stderr);
  const found = await json(0, model, target, '--images', photos);
  assert.deepEqual(found.values.map(({ name }) => name), ['mean', 'scores']);
  for (const { relative_error: error } of found.values) assert.ok(error < 0.01);
});

test('values of other names are matched by their place, and what is left is listed', async () => {
  const renamed = colourModel({ metadata });
  for (const node of renamed.json.modelTopology.node) {
    if (node.name === 'mean') node.name = 'average';
    node.input = node.input?.map((name) => (name === 'mean' ? 'average' : name));
  }
  const found = await json(0, model, writeModel(folder, 'renamed', renamed));
  assert.deepEqual(found.values.map(({ name, second_name: second, matched_by: by }) => [name, second, by]), [
    ['mean', 'average', 'place'],
    ['scores', 'scores', 'name'],
  ]);
  const longer = structuredClone(colourModel({ metadata }).json);
  longer.modelTopology.node.push({ name: 'shown', op: 'Softmax', input: ['scores'], attr: {} });
  longer.signature.outputs = { shown: { ...longer.signature.outputs.scores, name: 'shown:0' } };
  const { only_second: only } = await json(0, model, writeModel(folder, 'longer', { json: longer, weights: colourModel().weights }));
  assert.deepEqual(only, [{ name: 'shown', op: 'softmax', shape: [1, 3] }]);
});

test('models of different inputs cannot be compared', async () => {
  const wide = structuredClone(colourModel({ metadata }));
  for (const shape of [wide.json.modelTopology.node[0].attr.shape.shape, wide.json.signature.inputs.image.tensorShape])
    shape.dim = ['-1', '4', '8', '3'].map((size) => ({ size }));
  const { stdout, stderr } = await compare(1, model, writeModel(folder, 'wide', { ...wide, weights: colourModel().weights }));
  assert.equal(stdout, '');
  assert.match(stderr, /different inputs: .*\[1,4,4,3\].*\[1,4,8,3\]/);
});
