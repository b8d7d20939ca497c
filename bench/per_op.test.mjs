// Sums and shares of a profile whose figures are known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodesToMarkdown, summariseNodes } from './per_op.mjs';

const node = (name, op, window, macs, ms, dtype = 'f32') => ({
  ...{ name, op, window, macs, ms, dtype, kernel: 'Gemm', steps: 1 },
  ...{ input: [1, 8, 8, 16], output: [1, 8, 8, 32] },
});
const peaks = { fma: 10, dot: 40 };
const summarise = (profiles, base = null, threads = 1) => summariseNodes({ model: 'm', peer: 'Linnet', threads, profiles, base, peaks });

test('speeds are shares of the peak of their arithmetic, times the threads', () => {
  const profile = [
    node('a', 'conv2d', [1, 1], 4e6, 1), // 8 Gop/s of 10
    node('b', 'conv2d', [1, 1], 2e6, 1), // 4 of 10
    node('c', 'quantized_conv2d', [1, 1], 10e6, 1, 'i8'), // 20 of 40
    node('d', 'softmax', [0, 0], 0, 1),
  ];
  const one = summarise([profile]);
  assert.deepEqual(one.nodes.map((row) => row.of_peak), [0.8, 0.4, 0.5, 0]);
  assert.deepEqual(one.pointwise.map(({ op }) => op), ['conv2d 1x1', 'quantized_conv2d 1x1']);
  assert.ok(Math.abs(one.pointwise[0].of_peak - (0.8 * 4 + 0.4 * 2) / 6) < 1e-12, 'weighted by MACs');
  assert.equal(one.pointwise[1].of_peak, 0.5);
  assert.equal(summarise([profile], null, 2).nodes[0].of_peak, 0.4);
  const sum = one.ops.find(({ op }) => op === 'conv2d 1x1');
  assert.deepEqual([sum.macs, sum.ms, sum.of_peak], [6e6, 2, 0.6]);
});

test('times are medians of the rounds, and the base stands beside them by name', () => {
  const rounds = [1, 9, 2].map((ms) => [node('a', 'conv2d', [3, 3], 1e6, ms), node('b', 'softmax', [0, 0], 0, 1)]);
  const base = [[node('a', 'conv2d', [3, 3], 1e6, 4)]];
  const found = summarise(rounds, base);
  assert.equal(found.nodes[0].ms, 2);
  assert.equal(found.nodes[0].base_ms, 4);
  const text = nodesToMarkdown(found);
  assert.match(text, /^\| a +\| conv2d 3x3 +\| 8x8x16 -> 8x8x32 +\| Gemm .*\| +4\.0000 \| +0\.50 \|$/m);
  assert.match(text, /^\| b .*\| +- \| +- \|$/m, 'a node that the base lacks has dashes');
});
