// Measures Linnet beside other engines in Chromium. bench/run sets up, builds and calls it; see --help.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildRoot, modelsFolder } from '../tests/differential/linnet.mjs';
import { topologyPath } from '../tests/differential/oracle.mjs';
import { bundlePeers } from './bundle.mjs';
import { defaultModels, modelOf } from './models.mjs';
import { defaultPeers, peers } from './peers.mjs';
import { summarisePeer, toMarkdown } from './report.mjs';
import { startServer } from './server.mjs';
import { describeModel, measurePeaks, measurePeer, withPage } from './session.mjs';
import { agreement } from './statistics.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const comparable = Object.keys(peers).filter((name) => name !== 'base');
const say = (text) => process.stderr.write(`bench: ${text}\n`);

class UsageError extends Error {}

function numbers(text, option) {
  const list = text.split(',').map(Number);
  if (list.every((number) => Number.isInteger(number) && number >= 1 && number <= 10_000)) return list;
  throw new UsageError(`--${option} ${text}: expected whole numbers from 1 to 10000`);
}

function number(text, option) {
  const list = numbers(text, option);
  if (list.length === 1) return list[0];
  throw new UsageError(`--${option} ${text}: expected one number`);
}

function parse(argv) {
  let values;
  try {
    const text = (fallback) => ({ type: 'string', default: fallback });
    ({ values } = parseArgs({
      args: argv,
      options: {
        models: text(defaultModels.join(',')),
        peers: text(defaultPeers.join(',')),
        threads: text('1,2'),
        rounds: text('3'),
        runs: text('50'),
        out: text(join(buildRoot, 'bench/results.json')),
        package: text(join(root, 'web/dist')),
        base: { type: 'string' },
        check: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const options = {
    models: values.models.split(','),
    peers: values.peers.split(','),
    threads: numbers(values.threads, 'threads'),
    rounds: number(values.rounds, 'rounds'),
    runs: number(values.runs, 'runs'),
    out: resolve(values.out),
    package: resolve(values.package),
    base: values.base && resolve(values.base),
    check: values.check,
    // A slow model gets fewer runs; a fast one still reaches the browser's optimised code before it is timed.
    seconds: 4,
    warmUpRuns: 5,
    warmUpSeconds: 0.5,
    seeds: [1, 2, 3, 4, 5, 6, 7, 8],
    // The difference from TensorFlow.js that --check takes: the shared .tflite of its model differs by 2e-3.
    tolerance: 1e-2,
  };
  if (options.check)
    Object.assign(options, { models: ['kws_ds_cnn'], rounds: 1, runs: 3, warmUpSeconds: 0, seeds: [1] });
  const unknown = options.peers.find((name) => !comparable.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no peer '${unknown}'; there are: ${comparable.join(', ')}`);
  for (const folder of [options.package, options.base ?? options.package]) {
    if (!existsSync(join(folder, 'linnet.js'))) throw new UsageError(`${folder} holds no linnet.js; build the package`);
  }
  if (options.base) options.peers.splice(1, 0, 'base');
  return options;
}

/** Where the peer finds the model, as the page's `config`, or null for a format that is not there. */
function configOf(model, peer) {
  if (peer.format !== 'tfjs') {
    const path = model[peer.format];
    return path && existsSync(join(modelsFolder, path)) ? { url: `/models/${path}` } : null;
  }
  const topology = topologyPath(join(modelsFolder, model.name));
  const { format, modelTopology } = JSON.parse(readFileSync(topology, 'utf8'));
  return {
    url: `/models/${relative(modelsFolder, topology)}`,
    layers: format === 'layers-model' || 'model_config' in modelTopology,
  };
}

async function describe(server, name) {
  const model = modelOf(name);
  const { inputs, figures } = await describeModel({
    server,
    peer: peers.linnet,
    config: { ...configOf(model, peers.linnet), threads: 1 },
  });
  const other = inputs.find(({ dtype }) => dtype !== 'f32');
  if (other) throw new Error(`${name}: its input '${other.name}' is ${other.dtype}; only float32 can be measured`);
  return { ...model, inputs, macs: figures.macs };
}

/** What is to be measured: one job for each model, number of threads and peer that can read it. */
function planJobs(models, options) {
  return models.flatMap((model) =>
    options.threads.flatMap((threads) =>
      options.peers.flatMap((peer) => {
        const config = configOf(model, peers[peer]);
        return config ? [{ model, threads, peer, config: { ...config, threads }, rounds: [], failed: false }] : [];
      }),
    ),
  );
}

/** Runs every job once a round, peers next to each other, so that what else happens on the machine meets all of them. */
async function runJobs(server, jobs, options, fail) {
  const peaks = { fma: 0, dot: 0, rounds: [] };
  const total = jobs.length * options.rounds;
  const began = Date.now();
  let done = 0;
  for (let round = 0; round < options.rounds; ++round) {
    const measured = await measurePeaks({ server });
    peaks.rounds.push(measured);
    for (const key of ['fma', 'dot']) peaks[key] = Math.max(peaks[key], measured[key]);
    for (const job of jobs) {
      ++done;
      if (job.failed) continue;
      const { model, threads, config } = job;
      const peer = peers[job.peer];
      const title = `${model.name}, ${peer.title}, threads: ${threads}`;
      const runs = { inputs: model.inputs, range: model.range, ...options };
      const seeds = round === 0 ? options.seeds : [];
      try {
        job.rounds.push(await measurePeer({ server, peer, config, runs, seeds }));
      } catch (error) {
        job.failed = true;
        fail(`${title} failed: ${error.message.split('\n')[0]}`);
        continue;
      }
      const left = ((Date.now() - began) / done) * (total - done);
      say(`${done} of ${total}: ${title}; ${Math.ceil(left / 1000)} s left`);
    }
  }
  return peaks;
}

/** The figures of a job. TensorFlow.js with the fewest threads is the reference, also for itself with more. */
function summariseJob(job, jobs, peaks) {
  const reference = jobs.find(({ model, peer }) => model === job.model && peer === 'tfjs');
  const { format, int8 } = peers[job.peer];
  const compares = reference && !reference.failed && reference !== job && !job.model.differs[format];
  return summarisePeer({
    model: job.model.name,
    peer: job.peer,
    threads: job.threads,
    rounds: job.rounds,
    macs: job.model.macs,
    peak: int8 ? peaks.dot : peaks.fma,
    agreement: compares ? agreement(job.rounds[0].answers, reference.rounds[0].answers) : null,
  });
}

async function run(options) {
  const peersFolder = join(buildRoot, 'bench/peers');
  await bundlePeers(options.peers.map((name) => peers[name].adapter).concat('linnet'), peersFolder);
  copyFileSync(join(buildRoot, 'wasm-relaxed/linnet_peak.wasm'), join(peersFolder, 'peak.wasm'));
  const mounts = [[peers.linnet.assets, options.package], ...Object.values(peers).flatMap(({ mount }) => (mount ? [mount] : []))];
  if (options.base) mounts.push([peers.base.assets, options.base]);
  const failures = [];
  const fail = (what) => {
    failures.push(what);
    say(what);
  };
  const server = await startServer({ peersFolder, mounts });
  try {
    const chromium = await withPage(server.url, (_, browser) => browser.version());
    const models = [];
    for (const name of options.models) {
      try {
        models.push(await describe(server, name));
      } catch (error) {
        fail(`${name} cannot be measured: ${error.message.split('\n')[0]}`);
      }
    }
    const jobs = planJobs(models, options);
    const peaks = await runJobs(server, jobs, options, fail);
    const results = jobs.filter(({ failed }) => !failed).map((job) => summariseJob(job, jobs, peaks));
    if (options.check) {
      for (const { peer, threads, agreement: found } of results)
        if (found && !(found.difference < options.tolerance)) fail(`${peers[peer].title}, threads: ${threads}: differs by ${found.difference}`);
    }
    const notes = models.flatMap(({ name, differs }) =>
      Object.entries(differs).map(([format, what]) => `${name}: the ${format} file is ${what}.`),
    );
    return {
      date: new Date().toISOString(),
      machine: { cpu: cpus()[0].model.trim(), cores: cpus().length, chromium },
      versions: Object.fromEntries(Object.entries(peers).flatMap(([name, { version }]) => (version ? [[name, version]] : []))),
      options,
      peaks,
      models: models.map(({ name, macs, inputs }) => ({ name, macs, inputs })),
      results,
      notes: [...notes, ...failures],
      failed: failures.length > 0,
    };
  } finally {
    await server.close();
  }
}

try {
  const options = parse(process.argv.slice(2));
  const unknown = options.models.find((name) => !existsSync(join(modelsFolder, name)));
  if (unknown !== undefined) throw new UsageError(`--models: there is no ${join(modelsFolder, unknown)}`);
  const report = await run(options);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(report)}\n`);
  process.stdout.write(toMarkdown(report, peers));
  say(`figures and samples are in ${relative(root, options.out)}`);
  process.exitCode = report.failed ? 1 : 0;
} catch (error) {
  say(error instanceof UsageError ? `${error.message}; see bench/run --help` : error.stack);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
