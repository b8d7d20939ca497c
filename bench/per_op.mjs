// Where the time of a model's runs goes in Chromium, node by node: bench/run --per-op.
import { median } from './statistics.mjs';
import { percent, table } from './report.mjs';

const dims = (shape) => `${shape.slice(shape.length > 1 ? 1 : 0).join('x')}`;

// What a node does, with its window: `conv2d 1x1`.
const opOf = ({ op, window }) => (window[0] > 0 ? `${op} ${window.join('x')}` : op);

const speed = ({ macs, ms }) => (ms > 0 ? (2 * macs) / ms / 1e6 : 0);

/**
 * The nodes of one model, peer and number of threads, from profiles of several rounds: their median times, and speeds by
 * one core's peaks times the threads. `base`: the same of another build of Linnet, or null.
 */
export function summariseNodes({ model, peer, threads, profiles, base, peaks }) {
  const times = (rounds, name) => rounds.map((nodes) => nodes.find((node) => node.name === name)?.ms ?? NaN);
  const finish = (row) => {
    const peak = threads * (row.dtype === 'i8' ? peaks.dot : peaks.fma);
    return { ...row, gops: speed(row), of_peak: speed(row) / peak };
  };
  const nodes = profiles[0].map((node) => ({
    node: node.name,
    op: opOf(node),
    shape: `${dims(node.input)} -> ${dims(node.output)}`,
    dtype: node.dtype,
    kernel: node.kernel,
    steps: node.steps,
    macs: node.macs,
    ms: median(times(profiles, node.name)),
    base_ms: base && median(times(base, node.name)),
  }));
  const sums = new Map();
  for (const { op, dtype, kernel, macs, ms, base_ms: before } of nodes) {
    const key = `${op} ${dtype} ${kernel}`;
    const sum = sums.get(key) ?? { op, dtype, kernel, macs: 0, ms: 0, base_ms: base && 0 };
    sums.set(key, { ...sum, macs: sum.macs + macs, ms: sum.ms + ms, base_ms: base && sum.base_ms + before });
  }
  const all = nodes.map(finish);
  const pointwise = ['conv2d 1x1', 'quantized_conv2d 1x1'].flatMap((op) => {
    const rows = all.filter((row) => row.op === op);
    const macs = rows.reduce((sum, row) => sum + row.macs, 0);
    return macs > 0 ? [{ op, macs, of_peak: rows.reduce((sum, row) => sum + row.macs * row.of_peak, 0) / macs }] : [];
  });
  return {
    model,
    peer,
    threads,
    ms: nodes.reduce((sum, { ms }) => sum + ms, 0),
    nodes: all,
    ops: [...sums.values()].map(finish).sort((a, b) => b.ms - a.ms),
    pointwise,
  };
}

function rowsOf(rows, total, columns) {
  const hasBase = rows.some(({ base_ms: before }) => before !== null);
  const head = [...columns, 'M MACs', 'ms', 'share', 'Gop/s', 'of peak', ...(hasBase ? ['base ms', 'ms/base'] : [])];
  return table(
    head,
    rows.map((row) => [
      ...columns.map((column) => row[column]),
      row.macs > 0 ? (row.macs / 1e6).toFixed(3) : '-',
      row.ms.toFixed(4),
      percent(row.ms / total),
      row.macs > 0 ? row.gops.toFixed(1) : '-',
      row.macs > 0 ? percent(row.of_peak) : '-',
      ...(hasBase ? (row.base_ms > 0 ? [row.base_ms.toFixed(4), (row.ms / row.base_ms).toFixed(2)] : ['-', '-']) : []),
    ]),
    columns.length,
  );
}

/** One model's nodes and sums as Markdown. */
export function nodesToMarkdown({ model, peer, threads, ms, nodes, ops, pointwise }) {
  return [
    `### ${model}, ${peer}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${ms.toFixed(2)} ms in all nodes`,
    rowsOf(nodes, ms, ['node', 'op', 'shape', 'kernel', 'dtype']),
    rowsOf(ops, ms, ['op', 'kernel', 'dtype']),
    ...pointwise.map(({ op, of_peak: share }) => `${op}: ${percent(share)} of the peak, weighted by MACs.`),
  ].join('\n\n');
}
