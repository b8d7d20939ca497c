// `linnet evaluate`: counts, bounds and comparisons for models whose answers are known.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, matrixModel, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const metadata = { normalisation: 'unit' };
const model = writeModel(folder, 'colours', colourModel({ metadata }));
// Sees green as blue.
const blind = writeModel(folder, 'blind', matrixModel([1, 0, 0, 0, 0, 1, 0, 0, 1], { metadata }));
const photos = join(folder, 'photos');
mkdirSync(photos);
for (const [name, pixel] of [['red', [255, 0, 0]], ['green', [0, 255, 0]], ['blue', [0, 0, 255]]])
  writeFileSync(join(photos, `${name}.png`), png(9, 5, pixel));
const put = (name, content) => {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(folder, name);
};
const truth = put('truth.json', {
  images: { 'red.png': { index: 0 }, 'green.png': { index: 1, label: 'verdant' }, 'blue.png': { index: 0 } },
});

const ok = async (...args) => {
  const result = await linnet('evaluate', ...args);
  assert.equal(result.code, 0, result.stderr);
  return result;
};
const json = async (...args) => JSON.parse((await ok(...args, '--images', photos, '--json')).stdout);
const near = (actual, expected) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 0.01, `${actual} is not ${expected}`));

test('counts what is right, with bounds', async () => {
  const found = await json(model, '--labels', truth);
  assert.equal(found.images, 3);
  assert.equal(found.top1, 66.67);
  assert.equal(found.top5, 100);
  assert.deepEqual([found.top1_count, found.top5_count], [2, 3]);
  // Wilson's bounds of 2 of 3 and 3 of 3.
  near(found.top1_interval, [20.77, 93.85]);
  near(found.top5_interval, [43.85, 100]);
  assert.ok(found.p50_ms >= 0 && found.p95_ms >= found.p50_ms);
  assert.equal(found.models, undefined);
  // By name, blue comes first, and its label is wrong.
  const first = await json(model, '--labels', truth, '--limit', '1');
  assert.deepEqual([first.images, first.top1], [1, 0]);
  const { stdout } = await ok(model, '--photos', photos, '--labels', truth);
  assert.match(stdout, /^3 images\n\nmodel +top-1 +top-5.*\n.*colours +66\.7 % \(20\.8 to 93\.9\) +100\.0 %/);
});

test('compares models on the same photos', async () => {
  const found = await json(model, blind, model, '--labels', truth, '--per-class');
  const [first, second, third] = found.models;
  assert.deepEqual(found.models.map(({ top1_count: count }) => count), [2, 1, 2]);
  assert.equal(first.against_first, undefined);
  const { against_first: against } = second;
  assert.deepEqual([against.agreement_count, against.agreement], [2, 66.67]);
  assert.deepEqual([against.gained, against.lost, against.top1_difference], [0, 1, -33.33]);
  assert.equal(against.p, 0.5);
  const [low, high] = against.top1_difference_interval;
  assert.ok(low < -33.33 && high > 0 && low >= -100);
  assert.equal(third.against_first.agreement, 100);
  assert.deepEqual(found.classes, [
    { index: 0, photos: 2, top1_counts: [1, 1, 1], top5_counts: [2, 2, 2] },
    { index: 1, label: 'verdant', photos: 1, top1_counts: [1, 0, 1], top5_counts: [1, 1, 1] },
  ]);
  const { stdout } = await ok(model, blind, '--images', photos, '--labels', truth, '--per-class');
  assert.match(stdout, /agrees with the first +top-1 less the first's/);
  assert.match(stdout, /-33\.3 \(-\d+\.\d to \+\d+\.\d\), p 0.5\n/);
  assert.match(stdout, /^ *1 +verdant +1 +100\.0 % +0\.0 %$/m);
});

test('without labels it measures agreement', async () => {
  const found = await json(model, blind);
  assert.equal(found.models[1].top1, undefined);
  assert.equal(found.models[1].against_first.agreement_count, 2);
  assert.match((await ok(model, blind, '--images', photos)).stdout, /^3 images of unknown class\n/);
  for (const args of [[model], [model, blind, '--per-class']]) {
    const { code, stdout, stderr } = await linnet('evaluate', ...args, '--images', photos);
    assert.match(stderr, /labels\.json/);
    assert.deepEqual([code, stdout], [2, '']);
  }
});

test('takes labels.json from the directory', async () => {
  const labelled = join(folder, 'labelled');
  mkdirSync(labelled);
  writeFileSync(join(labelled, 'red.png'), png(4, 4, [255, 0, 0]));
  writeFileSync(join(labelled, 'labels.json'), '{"red.png": 0}');
  const { stdout } = await ok(model, '--images', labelled, '--json');
  assert.equal(JSON.parse(stdout).top1_count, 1);
});

test('stops at what it cannot judge, and names it', async () => {
  const cases = [
    ['{"missing.png": 0}', /missing\.png: cannot open/],
    ['{"red.png": 3}', /red\.png is of class 3, but the model has 3 classes/],
    ['{"red.png": {"label": "red"}}', /red\.png: no class index/],
    ['{"red.png": ', /truth2\.json: line 1/],
  ];
  for (const [content, message] of cases) {
    const labels = put('truth2.json', content);
    const { code, stdout, stderr } = await linnet('evaluate', model, '--images', photos, '--labels', labels, '--json');
    assert.match(stderr, message);
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
  }
});
