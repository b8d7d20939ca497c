// Runs the kernel benchmarks of all targets and tells their figures. bench/kernels sets up, builds and calls it.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { buildRoot } from '../tests/differential/linnet.mjs';
import { relaxedFlags } from '../tests/ops/relaxed.mjs';
import { runInChromium } from './chromium_wasi.mjs';
import { percent, table } from './report.mjs';
import { median } from './statistics.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (text) => process.stderr.write(`bench: ${text}\n`);

// A target's program, and in Node.js what runs it: V8 with its optimising compiler alone, so that no time is taken in
// baseline code.
const targets = {
  native: (builds) => [join(builds, 'native-release/linnet_kernels')],
  wasm: (builds) => [
    process.execPath,
    '--no-liftoff',
    '--no-warnings',
    ...relaxedFlags(),
    join(root, 'tests/ops/run_wasi.mjs'),
    join(builds, 'wasm-relaxed/linnet_kernels.wasm'),
  ],
  chromium: (builds) => [join(builds, 'wasm-relaxed/linnet_kernels.wasm')],
};

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: 'native,wasm' },
    filter: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string', default: join(buildRoot, 'bench/kernels.json') },
    base: { type: 'string' },
  },
});
const usage = (text) => {
  say(`${text}; see bench/kernels --help`);
  process.exit(2);
};
const chosen = values.targets.split(',');
const unknown = chosen.find((name) => !targets[name]);
if (unknown !== undefined) usage(`there is no target '${unknown}'; there are: ${Object.keys(targets).join(', ')}`);
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) usage(`--rounds ${values.rounds}: expected 1 to 100`);
if (chosen.includes('wasm') && !relaxedFlags()) {
  say(`Node.js ${process.version} has no relaxed SIMD, so WebAssembly is left out`);
  chosen.splice(chosen.indexOf('wasm'), 1);
}
const builds = { this: buildRoot, ...(values.base && { base: values.base }) };

async function runOnce(target, build) {
  const [command, ...args] = targets[target](builds[build]);
  if (target === 'chromium') return JSON.parse(await runInChromium(command, ['--filter', values.filter]));
  const { stdout } = await promisify(execFile)(command, [...args, '--filter', values.filter], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

/** The figures of one target from the rounds of this build and of the base. Peaks are the highest of all rounds. */
function summarise(target, rounds) {
  const all = [...rounds.this, ...(rounds.base ?? [])];
  const peaks = Object.fromEntries(['fma', 'dot', 'copy'].map((name) => [name, Math.max(...all.map((round) => round.peaks[name]))]));
  const key = ({ family, shape }) => `${family} ${shape}`;
  const time = (list, wanted) => {
    const found = (list ?? []).flatMap(({ cases }) => cases.filter((one) => key(one) === key(wanted)));
    return found.length > 0 ? median(found.map(({ ns }) => ns)) : null;
  };
  const cases = rounds.this[0].cases.map((one) => {
    const ns = time(rounds.this, one);
    const gops = (2 * one.macs) / ns;
    const gbytes = one.bytes / ns;
    const peak = one.dtype === 'i8' ? peaks.dot : peaks.fma;
    return {
      ...one,
      ns,
      gops,
      of_peak: peak > 0 && one.macs > 0 ? gops / peak : null,
      gbytes,
      of_copy: gbytes / peaks.copy,
      base_ns: time(rounds.base, one),
    };
  });
  return { target, peaks, cases };
}

function toMarkdown({ target, peaks, cases }) {
  const titles = { native: 'Native', wasm: 'WebAssembly (relaxed SIMD) in Node.js', chromium: 'WebAssembly (relaxed SIMD) in Chromium' };
  const head = ['kernel', 'shape', 'µs', 'Gop/s', 'of peak', 'GB/s', 'of copies', ...(builds.base ? ['base µs', 'ratio'] : [])];
  const rows = cases.map((one) => [
    one.family,
    one.shape,
    (one.ns / 1000).toFixed(2),
    one.macs > 0 ? one.gops.toFixed(1) : '-',
    one.of_peak === null ? '-' : percent(one.of_peak),
    one.gbytes.toFixed(1),
    percent(one.of_copy),
    ...(builds.base ? (one.base_ns ? [(one.base_ns / 1000).toFixed(2), (one.ns / one.base_ns).toFixed(2)] : ['-', '-']) : []),
  ]);
  return [
    `### ${titles[target]}`,
    `One core's peaks: ${peaks.fma.toFixed(1)} GFLOP/s (FMA), ${peaks.dot.toFixed(1)} Gop/s (int8 dot product), ${peaks.copy.toFixed(1)} GB/s (copies in cache).`,
    table(head, rows, 2),
  ].join('\n\n');
}

const results = [];
for (const target of chosen) {
  const measured = Object.fromEntries(Object.keys(builds).map((build) => [build, []]));
  for (const build of Object.keys(builds)) {
    const program = targets[target](builds[build]).at(-1);
    if (!existsSync(program)) usage(`there is no ${program}; build linnet_kernels`);
  }
  for (let round = 0; round < rounds; ++round) {
    for (const build of Object.keys(builds)) {
      say(`${target}${build === 'base' ? ', base' : ''}: round ${round + 1} of ${rounds}`);
      try {
        measured[build].push(await runOnce(target, build));
      } catch (error) {
        say(`${target}${build === 'base' ? ', base' : ''} failed: ${(error.stderr || error.message).trim()}`);
        process.exit(1);
      }
    }
  }
  results.push(summarise(target, measured));
}
const out = resolve(values.out);
mkdirSync(dirname(out), { recursive: true });
const machine = { cpu: cpus()[0].model.trim(), cores: cpus().length, node: process.version };
writeFileSync(out, `${JSON.stringify({ date: new Date().toISOString(), machine, rounds, results })}\n`);
process.stdout.write(`${[`${machine.cpu}, Node.js ${machine.node}, rounds: ${rounds}.`, ...results.map(toMarkdown)].join('\n\n')}\n`);
say(`figures are in ${relative(root, out)}`);
