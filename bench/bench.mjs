// Measures Linnet beside other engines in Chromium. bench/run sets up, builds and calls it; see --help.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildRoot, imagesFolder, modelsFolder } from '../tests/differential/linnet.mjs';
import { topologyPath } from '../tests/differential/oracle.mjs';
import { bundlePeers } from './bundle.mjs';
import { calibrate, int8Folder } from './int8.mjs';
import { modelOf } from './models.mjs';
import { parse, UsageError } from './options.mjs';
import { peers } from './peers.mjs';
import { nodesToMarkdown, summariseNodes } from './per_op.mjs';
import { conditions, summarisePeer, toMarkdown } from './report.mjs';
import { startServer } from './server.mjs';
import { describeModel, measureNodes, measurePeaks, measurePeer, withPage } from './session.mjs';
import { agreement } from './statistics.mjs';
import { codesOf } from './tflite.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (text) => process.stderr.write(`bench: ${text}\n`);

/** Where the peer finds the model, as the page's `config`, or null for a format that is not there. */
function configOf(model, peer) {
  if (peer.format === 'tfjs_int8') return model.int8 ? { url: `/int8/${model.int8}` } : null;
  if (peer.format !== 'tfjs') {
    const path = model[peer.format] && join(modelsFolder, model[peer.format]);
    if (!path || !existsSync(path)) return null;
    return { url: `/models/${model[peer.format]}`, ...(peer.int8 && { codes: codesOf(path) }) };
  }
  const topology = topologyPath(join(modelsFolder, model.name));
  const { format, modelTopology } = JSON.parse(readFileSync(topology, 'utf8'));
  return {
    url: `/models/${relative(modelsFolder, topology)}`,
    layers: format === 'layers-model' || 'model_config' in modelTopology,
  };
}

/** What is known of the model, by Linnet itself, and where its int8 copy is when `int8` asks for one. */
async function describe(server, name, int8, keep) {
  const model = modelOf(name);
  const { inputs, figures } = await describeModel({
    server,
    peer: peers.linnet,
    config: { ...configOf(model, peers.linnet), threads: 1 },
  });
  const other = inputs.find(({ dtype }) => dtype !== 'f32');
  if (other) throw new Error(`${name}: its input '${other.name}' is ${other.dtype}; only float32 can be measured`);
  const described = { ...model, inputs, macs: figures.macs };
  if (int8) say(`${name}: calibrating int8`);
  return int8 ? { ...described, int8: await calibrate(described, topologyPath(join(modelsFolder, name)), keep) } : described;
}

/** What is to be measured: one job for each model, number of threads and peer that can read it. */
function planJobs(models, options) {
  return models.flatMap((model) =>
    options.threads.flatMap((threads) =>
      options.peers.flatMap((peer) => {
        if (threads > (peers[peer].most ?? threads)) return [];
        const config = configOf(model, peers[peer]);
        return config ? [{ model, threads, peer, config: { ...config, threads }, rounds: [], failed: false }] : [];
      }),
    ),
  );
}

/** The inputs for which outputs are compared: photos where the model takes them and they are there, else seeds. */
function samplesOf(model, { samples }) {
  const photos = model.photos && existsSync(imagesFolder) ? readdirSync(imagesFolder).filter((name) => name.endsWith('.jpg')).sort() : [];
  // From the end: int8 is calibrated on those at the beginning.
  if (photos.length >= samples) return photos.slice(-samples).map((name) => `/photos/${name}`);
  return Array.from({ length: samples }, (_, i) => i + 1);
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
      const runs = { inputs: model.inputs, range: model.range, photos: model.photos, ...options };
      const samples = round === 0 ? samplesOf(model, options) : [];
      const measure = options.perOp ? measureNodes : measurePeer;
      try {
        job.rounds.push(await measure({ server, peer, config, runs, samples }));
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
  const base = jobs.find((other) => job.peer === 'linnet' && other.peer === 'base' && other.model === model && other.threads === threads);
  return summariseNodes({
    model: model.name,
    peer: peers[job.peer].title,
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
  const mounts = [[peers.linnet.assets, options.package], ['/int8/', int8Folder], ...Object.values(peers).flatMap(({ mount }) => (mount ? [mount] : []))];
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
        models.push(await describe(server, name, options.peers.some((peer) => peers[peer].format === 'tfjs_int8'), options.keepInt8));
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
        if (found && !(found.difference < (peers[peer].int8 ? options.int8Tolerance : options.tolerance))) fail(`${peers[peer].title}, threads: ${threads}: differs by ${found.difference}`);
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
