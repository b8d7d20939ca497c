// `linnet calibrate-logits`: temperatures that can be computed by hand.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const metadata = { normalisation: 'unit', linnet: { golden: { outputs: {} }, other: 1.50 } };
const logits = colourModel({ metadata });
const withSoftmax = structuredClone(logits.json);
withSoftmax.modelTopology.node.push(
  { name: 'p', op: 'Softmax', input: ['scores:0'], attr: { T: { type: 'DT_FLOAT' } } },
  { name: 'shown', op: 'Identity', input: ['p'], attr: { T: { type: 'DT_FLOAT' } } },
);
withSoftmax.signature.outputs = { shown: { ...withSoftmax.signature.outputs.scores, name: 'shown:0' } };

// Twenty red photos, of which sixteen are said to show class 0.
const photos = join(folder, 'photos');
mkdirSync(photos);
const truth = {};
for (let i = 0; i < 20; i++) {
  const name = `${String(i).padStart(2, '0')}.png`;
  writeFileSync(join(photos, name), png(4, 4, [255, 0, 0]));
  truth[name] = i < 16 ? 0 : 1 + (i % 2);
}
writeFileSync(join(photos, 'labels.json'), JSON.stringify(truth));

const calibrate = (model, name, ...args) =>
  linnet('calibrate-logits', model, '-o', join(folder, name), '--calibrate', photos, ...args);
const near = (actual, expected, tolerance = 1e-4) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

for (const [what, json, output] of [['logits', logits.json, 'scores'], ['a softmax', withSoftmax, 'shown']]) {
  test(`a temperature makes probabilities of ${what} what is right`, async () => {
    const model = writeModel(folder, output, { json, weights: logits.weights });
    const { code, stdout, stderr } = await calibrate(model, `${output}-calibrated`, '--json');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /golden/);
    const found = JSON.parse(stdout);
    // Logits of 10, 0 and 0 are 80 % sure where exp(10 / T) = 8.
    near(found.temperature, 10 / Math.log(8));
    near(found.before.ece, Math.exp(10) / (Math.exp(10) + 2) - 0.8);
    near(found.written.ece, 0);
    near(found.written.nll, -0.8 * Math.log(0.8) - 0.2 * Math.log(0.1));
    assert.deepEqual([found.before.top1, found.held_out.top1, found.written.top1], [80, 80, 80]);
    assert.equal(found.changed_answers, 0);
    const red = await linnet('classify', found.model, join(photos, '00.png'), '--json');
    near(JSON.parse(red.stdout).images[0].top[0].probability, 0.8);

    // The rest of the model stays as it was.
    const written = JSON.parse(readFileSync(found.model, 'utf8'));
    assert.deepEqual(written.userDefinedMetadata, { normalisation: 'unit', linnet: { other: 1.5 } });
    assert.deepEqual(Object.keys(written.signature.outputs), [output]);
    assert.equal(written.modelTopology.node.length, json.modelTopology.node.length + 2);
    assert.deepEqual(written.weightsManifest[0], json.weightsManifest[0]);
    assert.deepEqual(readFileSync(join(folder, `${output}-calibrated`, 'weights.bin')), logits.weights);
    // Once more: there is nothing left to do.
    const again = await calibrate(found.model, `${output}-again`, '--json');
    near(JSON.parse(again.stdout).temperature, 1);
  });
}

test('affine finds how often each class occurs', async () => {
  // Of the photos that look alike, classes 0, 1 and 2 occur 16, 2 and 2 times in 20: nothing is left after a
  // temperature. With class 1 alone for the others something is.
  const labels = join(folder, 'skewed.json');
  writeFileSync(labels, JSON.stringify(Object.fromEntries(Object.keys(truth).map((name, i) => [name, i % 5 === 4 ? 1 : 0]))));
  const model = join(folder, 'scores');
  const args = ['--labels', labels, '--folds', '4', '--json'];
  const plain = JSON.parse((await calibrate(model, 'plain', ...args)).stdout);
  const { stdout, stderr, code } = await calibrate(model, 'affine', '--affine', ...args);
  assert.equal(code, 0, stderr);
  const affine = JSON.parse(stdout);
  assert.equal(affine.temperature, undefined);
  assert.ok(affine.penalty > 0);
  assert.ok(affine.held_out.nll < plain.held_out.nll - 0.05, `${affine.held_out.nll} ${plain.held_out.nll}`);
  near(affine.written.nll, -0.8 * Math.log(0.8) - 0.2 * Math.log(0.2), 0.05);
  const text = await calibrate(model, 'text', '--affine', '--labels', labels);
  assert.match(text.stdout, /^affine +scale and bias of each class/);
  assert.match(text.stdout, /on unseen photos, 5 folds +\d\.\d{4} +\d+\.\d\d % +\d+\.\d %/);
});

test('what cannot be calibrated is named, and nothing is written', async () => {
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  for (let i = 0; i < 12; i++) writeFileSync(join(bare, `${i}.png`), png(4, 4, [255, 0, 0]));
  const model = join(folder, 'scores');
  const target = join(folder, 'refused');
  const refuse = async (code, message, ...args) => {
    const result = await linnet('calibrate-logits', ...args);
    assert.match(result.stderr, message);
    assert.deepEqual([result.code, result.stdout], [code, '']);
    assert.equal(existsSync(join(target, 'model.json')), false);
  };
  await refuse(2, /no labels\.json: calibrating needs each photo's class/, model, '-o', target, '--calibrate', bare);
  await refuse(2, /4 photos are too few for 5 folds/, model, '-o', target, '--calibrate', photos, '--limit', '4');
  await refuse(2, /the model itself lies there/, model, '-o', model, '--calibrate', photos);
  const unsigned = structuredClone(logits.json);
  delete unsigned.signature;
  await refuse(2, /no signature; run 'linnet optimise'/, writeModel(folder, 'unsigned', { ...logits, json: unsigned }), '-o', target, '--calibrate', photos);
});
