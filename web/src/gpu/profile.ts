// Where the time of a model goes on a GPU, by node.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { NodeTime } from '../types.js';
import type { GpuPlan } from './compiler.js';
import type { Replay } from './host.js';

const mostRuns = 10_000;

/**
 * The nodes that take steps, in their order, with means that leave out the slowest tenth of `runs` runs; `replay` gives
 * the milliseconds of each step of one.
 */
export async function profileNodes(
  plan: GpuPlan,
  nodes: readonly NodeTime[],
  replay: Pick<Replay, 'profile' | 'waits'>,
  runs: number,
): Promise<NodeTime[]> {
  if (!Number.isInteger(runs) || runs < 1 || runs > mostRuns)
    throw new LinnetError('InvalidArgument', `runs is ${runs}; it must be a whole number from 1 to ${mostRuns}`);
  const times: Float64Array[] = [];
  while (times.length < runs) times.push(await replay.profile());
  const kept = runs - Math.floor(runs / 10);
  const found = new Map<number, NodeTime>();
  let at = 0;
  plan.stepNodes.forEach((node, step) => {
    const sorted = Float64Array.from(times, (run) => run[step]!).sort();
    const ms = sorted.subarray(0, kept).reduce((sum, time) => sum + time, 0) / kept;
    const before = found.get(node) ?? nodes[node]!;
    const kernel = (plan.words[at]! & 0xffff) === Abi.kGpuCpuStep ? 'CPU' : replay.waits ? 'GPU, waited for' : 'GPU';
    found.set(node, { ...before, kernel, steps: before.steps + 1, ms: before.ms + ms });
    at += 1 + (plan.words[at]! >>> 16);
  });
  return [...found.values()];
}
