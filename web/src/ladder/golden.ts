// The golden answers that a prepared model carries in its metadata, see docs/formats.md.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import { elementsOf } from '../tensors.js';
import type { TensorInfo } from '../types.js';
import type { TestedOutput } from './live.js';

export interface Golden {
  readonly seed: number;
  readonly low: number;
  readonly high: number;
  readonly outputs: readonly TestedOutput[];
}

const wrong = (what: string): never => {
  throw new LinnetError('MalformedModel', `userDefinedMetadata.linnet.golden${what}`);
};

function numbers(value: unknown, path: string, fits: (number: number) => boolean, what: string): number[] {
  if (!Array.isArray(value)) return wrong(`${path} is no list of ${what}`);
  value.forEach((entry, i) => {
    if (typeof entry !== 'number' || !fits(entry)) wrong(`${path}[${i}] is none of its ${what}`);
  });
  return value as number[];
}

/** What Linnet's own tools have left in a model's metadata. */
export function ownOf(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const own = metadata['linnet'];
  return typeof own === 'object' && own !== null ? (own as Record<string, unknown>) : {};
}

/** What there is to compare: for a model without golden answers the outputs alone, on the default input. */
export function goldenOf(metadata: Readonly<Record<string, unknown>>, outputs: readonly TensorInfo[]): Golden {
  const golden = (ownOf(metadata)['golden'] ?? {}) as Record<string, unknown>;
  if (typeof golden !== 'object') wrong(' is no object');
  const number = (key: string, fallback: number) => {
    const value = golden[key] ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) ? value : wrong(`.${key} is no number`);
  };
  const named = (golden['outputs'] ?? {}) as Record<string, Record<string, unknown>>;
  for (const name of Object.keys(named))
    if (!outputs.some((output) => output.name === name)) wrong(`.outputs names '${name}', which is no output`);
  const tested = outputs.map((output): TestedOutput => {
    const elements = elementsOf(output);
    const given = named[output.name];
    if (!given) return { elements, golden: [], at: [], range: 0 };
    const path = `.outputs['${output.name}']`;
    const values = numbers(given['values'], `${path}.values`, Number.isFinite, 'finite numbers');
    const at = numbers(given['at'], `${path}.at`, (place) => Number.isInteger(place) && place >= 0 && place < elements, 'places');
    if (at.length !== values.length) wrong(`${path} has ${values.length} values at ${at.length} places`);
    const range = given['range'] ?? 0;
    if (typeof range !== 'number' || !(range >= 0)) wrong(`${path}.range is no range`);
    return { elements, golden: values, at, range: range as number };
  });
  const count = tested.reduce((sum, output) => sum + output.golden.length, 0);
  if (count > Abi.kGoldenAnswers) wrong(` holds ${count} values; at most ${Abi.kGoldenAnswers} are compared`);
  return { seed: number('seed', 1), low: number('low', 0), high: number('high', 1), outputs: tested };
}
