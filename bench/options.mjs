// What bench/run was asked for.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildRoot, modelsFolder } from '../tests/differential/linnet.mjs';
import { defaultModels } from './models.mjs';
import { defaultPeers, gpuPeers, peers } from './peers.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const comparable = Object.keys(peers).filter((name) => name !== 'base');

/** Arguments that make no sense. */
export class UsageError extends Error {}

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

/** The options of a run from its arguments. Throws a UsageError. */
export function parse(argv) {
  let values;
  try {
    const text = (fallback) => ({ type: 'string', default: fallback });
    ({ values } = parseArgs({
      args: argv,
      options: {
        models: { type: 'string' },
        peers: { type: 'string' },
        threads: { type: 'string' },
        rounds: text('3'),
        runs: text('50'),
        out: { type: 'string' },
        'per-op': { type: 'string' },
        package: text(join(root, 'web/dist')),
        base: { type: 'string' },
        gpu: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        'keep-int8': { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const list = (given, fallback) => given?.split(',') ?? fallback;
  const { gpu } = values;
  const options = {
    models: list(values['per-op'] ?? values.models, gpu ? defaultModels.slice(0, 2) : defaultModels),
    peers: list(values.peers, gpu ? gpuPeers : defaultPeers),
    threads: numbers(values.threads ?? (gpu ? '1' : '1,2'), 'threads'),
    rounds: number(values.rounds, 'rounds'),
    runs: number(values.runs, 'runs'),
    perOp: values['per-op'] !== undefined,
    out: resolve(values.out ?? join(buildRoot, `bench/${values['per-op'] ? 'per_op' : gpu ? 'gpu' : 'results'}.json`)),
    package: resolve(values.package),
    base: values.base && resolve(values.base),
    check: values.check,
    keepInt8: values['keep-int8'],
    // A slow model gets fewer runs; a fast one still reaches the browser's optimised code before it is timed.
    seconds: 4,
    warmUpRuns: gpu ? 3 : 5,
    warmUpSeconds: 0.5,
    profiledRuns: 200,
    // Inputs for which outputs are compared.
    samples: gpu ? 2 : 8,
    // The differences from TensorFlow.js that --check takes. The shared .tflite of its model differs by 2e-3.
    tolerance: 1e-2,
    int8Tolerance: 5e-2,
  };
  if (options.check)
    Object.assign(options, { models: ['kws_ds_cnn'], rounds: 1, runs: 3, warmUpSeconds: 0, samples: 1 });
  const unknown = options.peers.find((name) => !comparable.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no peer '${unknown}'; there are: ${comparable.join(', ')}`);
  for (const folder of [options.package, options.base ?? options.package]) {
    if (!existsSync(join(folder, 'linnet.js'))) throw new UsageError(`${folder} holds no linnet.js; build the package`);
  }
  const missing = options.models.find((name) => !existsSync(join(modelsFolder, name)));
  if (missing !== undefined) throw new UsageError(`there is no ${join(modelsFolder, missing)}`);
  if (options.perOp) options.peers = options.peers.filter((name) => peers[name].adapter === 'linnet' && !peers[name].settings);
  if (options.peers.length === 0) throw new UsageError('--per-op is for Linnet: --peers linnet, linnet-int8 or both');
  if (options.base) options.peers.splice(1, 0, 'base');
  return options;
}

