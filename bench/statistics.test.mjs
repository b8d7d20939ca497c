// The figures' arithmetic, on samples whose answers are known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toMarkdown } from './report.mjs';
import { agreement, median, percentile } from './statistics.mjs';

const output = (name, ...numbers) => ({ name, data: Buffer.from(Float32Array.from(numbers).buffer).toString('base64') });

test('percentiles are interpolated and leave the samples as they were', () => {
  const samples = [4, 1, 3, 2];
  assert.equal(median(samples), 2.5);
  assert.equal(percentile(samples, 0), 1);
  assert.equal(percentile(samples, 1), 4);
  assert.equal(percentile([7], 0.95), 7);
  assert.deepEqual(samples, [4, 1, 3, 2]);
});

test('agreement is relative to the range and counts equal winners', () => {
  const reference = [[output('a:0', 0, 1, 4)], [output('a:0', 2, 0, 1)]];
  const found = agreement([[output('b', 0, 1, 3)], [output('b', 0.5, 0, 1)]], reference);
  assert.equal(found.difference, 0.75);
  assert.equal(found.same_top, 1);
  assert.equal(found.inputs, 2);
});

test('several outputs are told apart by name', () => {
  const reference = [[output('a:0', 0, 1), output('b:0', 5, 6, 7)]];
  assert.equal(agreement([[output('b', 5, 6, 7), output('a', 0, 1)]], reference).difference, 0);
  assert.equal(agreement([[output('x', 5, 6, 7), output('y', 0, 1)]], reference), null);
});

test('outputs of other sizes do not compare, and what is not a number is no agreement', () => {
  assert.equal(agreement([[output('a', 1, 2)]], [[output('a', 1, 2, 3)]]), null);
  assert.equal(agreement([[output('a', NaN, 2, 4)]], [[output('a', 1, 2, 3)]]).difference, Infinity);
});

test('a peer that lacks the format has a row of dashes', () => {
  const text = toMarkdown(
    {
      machine: { cpu: 'x', cores: 1, chromium: '1' },
      peaks: { fma: 1, dot: 1 },
      options: { rounds: 1, runs: 1, threads: [1], peers: ['ort'] },
      models: [{ name: 'm', macs: 1e6 }],
      results: [],
      notes: [],
    },
    { ort: { title: 'ORT' } },
  );
  assert.match(text, /^\| ORT +( \| +-)+ \|$/m);
});
