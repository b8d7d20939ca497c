// Measures Linnet beside other engines in Chromium. bench/run sets up, builds and calls it; see --help.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildRoot, modelsFolder } from '../tests/differential/linnet.mjs';
import { topologyPath } from '../tests/differential/oracle.mjs';
import { bundlePeers } from './bundle.mjs';
import { modelOf } from './models.mjs';
import { parse, UsageError } from './options.mjs';
import { peers } from './peers.mjs';
import { nodesToMarkdown, summariseNodes } from './per_op.mjs';
import { conditions, summarisePeer, toMarkdown } from './report.mjs';
import { startServer } from './server.mjs';
import { describeModel, measureNodes, measurePeaks, measurePeer, withPage } from './session.mjs';
import { agreement } from './statistics.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (text) => process.stderr.write(`bench: ${text}\n`);

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
      const measure = options.perOp ? measureNodes : measurePeer;
      try {
        job.rounds.push(await measure({ server, peer, config, runs, seeds }));
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

/** The nodes of one model and number of threads, beside those of the base. */
function summariseJobNodes(job, jobs, peaks) {
  const { model, threads } = job;
  const base = jobs.find((other) => other.peer === 'base' && other.model === model && other.threads === threads);
  return summariseNodes({
    model: model.name,
    threads,
    profiles: job.rounds,
    base: base && !base.failed ? base.rounds : null,
    peaks,
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
    const done = jobs.filter(({ failed, peer }) => !failed && !(options.perOp && peer === 'base'));
    const results = done.map((job) => (options.perOp ? summariseJobNodes : summariseJob)(job, jobs, peaks));
    if (options.check) {
      for (const { peer, threads, agreement: found } of results)
        if (found && !(found.difference < options.tolerance)) fail(`${peers[peer].title}, threads: ${threads}: differs by ${found.difference}`);
    }
    const compared = options.perOp ? [] : models;
    const notes = compared.flatMap(({ name, differs }) =>
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
  const report = await run(options);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify(report)}\n`);
  process.stdout.write(
    options.perOp
      ? [...conditions(report), ...report.results.map(nodesToMarkdown), ...report.notes, ''].join('\n\n')
      : toMarkdown(report, peers),
  );
  say(`figures and samples are in ${relative(root, options.out)}`);
  process.exitCode = report.failed ? 1 : 0;
} catch (error) {
  say(error instanceof UsageError ? `${error.message}; see bench/run --help` : error.stack);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
