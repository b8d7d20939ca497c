// From samples to figures, and from figures to tables.
import { median, percentile } from './statistics.mjs';

const summarise = (samples) => ({ median: median(samples), p95: percentile(samples, 0.95), samples });

/** One model, peer and number of threads: the samples of all rounds pooled. `peak`: 1e9 operations a second, one core. */
export function summarisePeer({ model, peer, threads, rounds, macs, peak, agreement }) {
  const all = (key) => rounds.flatMap((round) => round[key]);
  const run = summarise(all('times'));
  const inside = all('inside');
  const gflops = (2 * macs) / run.median / 1e6;
  return {
    model,
    peer,
    threads,
    load_ms: summarise(all('load')),
    first_ms: summarise(all('first')),
    // What a page waits for, from nothing to an answer.
    first_answer_ms: summarise(rounds.map(({ load, first }) => load + first)),
    run_ms: run,
    inside_ms: inside.length > 0 ? summarise(inside) : null,
    gflops,
    of_peak: gflops / (peak * threads),
    bytes: rounds[0].sent,
    memory: {
      peak: median(rounds.map(({ memory }) => memory.peak)),
      above_blank: median(rounds.map(({ memory }) => memory.above_blank)),
    },
    agreement,
    figures: rounds[0].figures,
  };
}

/** As aligned Markdown: the first `texts` columns to the left, the others to the right. */
export function table(head, rows, texts = 1) {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => (i < texts ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i < texts ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

const time = (ms) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(1));
const kilobytes = (bytes) => (bytes / 1000).toFixed(0);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
export const percent = (part) => `${(100 * part).toFixed(0)} %`;

const head = [
  ...['peer', 'median ms', 'p95', 'in worker', 'first', 'load', 'first answer', 'Linnet/peer', 'Linnet/peer, first answer', 'GFLOP/s', 'of peak'],
  ...['memory MB', 'wire KB', 'code gzip KB', 'model gzip KB', 'difference', 'same top'],
];

const quotient = (ratio) => (ratio > 0 && ratio !== 1 ? ratio.toFixed(2) : '-');

function peerRow(title, result, ratio, firstRatio) {
  const { run_ms: run, inside_ms: inside, bytes, memory, agreement } = result;
  return [
    title,
    time(run.median),
    time(run.p95),
    inside ? time(inside.median) : '-',
    time(result.first_ms.median),
    result.load_ms.median.toFixed(0),
    result.first_answer_ms.median.toFixed(0),
    quotient(ratio),
    quotient(firstRatio),
    result.gflops.toFixed(1),
    percent(result.of_peak),
    megabytes(memory.above_blank),
    kilobytes(bytes.wire),
    kilobytes(bytes.code_gzip),
    kilobytes(bytes.model_gzip),
    agreement ? agreement.difference.toExponential(1) : '-',
    agreement ? `${agreement.same_top}/${agreement.inputs}` : '-',
  ];
}

const absent = (title) => [title, ...head.slice(1).map(() => '-')];

/** Machine and peaks, as lines of text. */
export const conditions = ({ machine, peaks, options }) => [
  `${machine.cpu}, ${machine.cores} cores, Chromium ${machine.chromium}, rounds: ${options.rounds}, of at most ${options.runs} runs each.`,
  `One core's peaks in this run: ${peaks.fma.toFixed(1)} GFLOP/s (relaxed FMA, 128 bits), ${peaks.dot.toFixed(1)} Gop/s (int8 dot product).`,
];

/** The whole report as Markdown. */
export function toMarkdown({ machine, peaks, options, models, results, notes }, peers) {
  const find = (model, peer, threads) =>
    results.find((result) => result.model === model && result.peer === peer && result.threads === threads);
  const parts = conditions({ machine, peaks, options });
  for (const { name, macs } of models) {
    for (const threads of options.threads) {
      // Int8 compares with Linnet's int8, and that with Linnet's f32.
      const linnetFor = (peer) =>
        find(name, peers[peer].gpu ?? (peers[peer].int8 && peer !== 'linnet-int8' ? 'linnet-int8' : 'linnet'), threads);
      const rows = options.peers.map((peer) => {
        const result = find(name, peer, threads);
        if (!result) return absent(peers[peer].title);
        // How much of the f32 time int8 takes is the other way round.
        const of = (figure) => linnetFor(peer) && linnetFor(peer)[figure].median / result[figure].median;
        const ratio = of('run_ms');
        return peerRow(peers[peer].title, result, peer === 'linnet-int8' ? 1 / ratio : ratio, of('first_answer_ms'));
      });
      parts.push(
        `### ${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${(macs / 1e6).toFixed(1)} M MACs`,
        table(head, rows),
      );
    }
  }
  const scaling = models.flatMap(({ name }) =>
    options.peers.flatMap((peer) => {
      const one = find(name, peer, 1);
      return options.threads
        .filter((threads) => threads > 1 && one && find(name, peer, threads))
        .map((threads) => [name, peers[peer].title, `${threads}`, (find(name, peer, threads).run_ms.median / one.run_ms.median).toFixed(2)]);
    }),
  );
  if (scaling.length > 0) parts.push('### Time with threads against one', table(['model', 'peer', 'threads', 'ratio'], scaling, 2));
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}
