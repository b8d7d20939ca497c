// The page's arithmetic.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { importTypeScript } from './bundle.mjs';

let answers, labels, timings;
before(async () => {
  answers = await importTypeScript('apps/classify/src/answers.ts');
  labels = await importTypeScript('apps/classify/src/labels.ts');
  timings = await importTypeScript('apps/classify/src/timings.ts');
});

const probabilities = (scores) => {
  const out = new Float32Array(scores.length);
  answers.toProbabilities(scores, out);
  return [...out];
};
const close = (actual, expected) => actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${actual}`));

test('probabilities stay, logits go through softmax', () => {
  close(probabilities([0.25, 0.5, 0.25]), [0.25, 0.5, 0.25]);
  close(probabilities([Math.log(1), Math.log(2), Math.log(5)]), [1 / 8, 2 / 8, 5 / 8]);
  close(probabilities([-1, 1, 1]), [Math.exp(-2), 1, 1].map((value) => value / (2 + Math.exp(-2))));
  close(probabilities([1000, 0]), [1, 0]);
});

test('the best answers come in order', () => {
  const scores = Float32Array.from([0.1, 0.4, 0.05, 0.3, 0.15]);
  assert.deepEqual(answers.top(scores, 3).map(({ index }) => index), [1, 3, 4]);
  assert.equal(answers.top(scores, 9).length, 5);
});

test('smoothing goes towards what is new and forgets on reset', () => {
  const smoother = new answers.Smoother();
  const step = (value) => {
    const frame = Float32Array.of(value);
    smoother.next(frame);
    return frame[0];
  };
  assert.equal(step(0), 0);
  const first = step(1);
  assert.ok(first > 0 && first < 1);
  assert.ok(step(1) > first);
  smoother.reset();
  assert.equal(step(1), 1);
});

test('label files with and without a background line', () => {
  assert.deepEqual(labels.parseLabels('a\nb\r\n\n', 2), ['a', 'b']);
  assert.deepEqual(labels.parseLabels('background\na\nb\n', 2), ['a', 'b']);
  assert.deepEqual(labels.parseLabels('background\na\nb\n', 3), ['background', 'a', 'b']);
  assert.equal(labels.parseLabels('x\na\nb\n', 2), null);
  assert.equal(labels.parseLabels('a\n', 2), null);
  assert.deepEqual(labels.labelsOfMetadata({ labels: ['a', 'b'] }, 2), ['a', 'b']);
  assert.equal(labels.labelsOfMetadata({ labels: ['a', 1] }, 2), null);
  assert.deepEqual(labels.splitLabel('tench, Tinca tinca'), { name: 'tench', others: 'Tinca tinca' });
});

test('quantiles are those of the latest frames', () => {
  const times = new timings.Timings();
  assert.ok(Number.isNaN(times.quantile(0.5)));
  for (let i = 1; i <= 100; ++i) times.add(101 - i);
  assert.deepEqual([times.quantile(0.5), times.quantile(0.95), times.quantile(1)], [50, 95, 100]);
  for (let i = 0; i < 120; ++i) times.add(7);
  assert.deepEqual([times.count, times.quantile(0.95)], [120, 7]);
});
