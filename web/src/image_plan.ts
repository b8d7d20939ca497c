// From image options and a model's metadata to figures.
import { LinnetError } from './errors.js';
import type { ImagePlan } from './protocol.js';
import type { ImageOptions } from './types.js';

const fallback = { normalisation: 'unit', fit: 'crop', crop: 0.875 } as const;

/** The first of `choices` that says something about a matter decides it. */
export function planImage(...choices: readonly ImageOptions[]): ImagePlan {
  const pick = <K extends keyof ImageOptions>(key: K) => choices.find((choice) => choice[key] != null)?.[key];
  const normalisation = pick('normalisation') ?? fallback.normalisation;
  const plan = { fit: pick('fit') ?? fallback.fit, crop: pick('crop') ?? fallback.crop };
  if (typeof normalisation === 'string') return { ...plan, normalisation, scale: [1, 1, 1], offset: [0, 0, 0] };
  const { mean, deviation } = normalisation;
  if (mean?.length !== 3 || deviation?.length !== 3 || deviation.some((value) => !(value > 0)))
    throw new LinnetError('InvalidArgument', 'a normalisation has a mean and a positive deviation for three channels');
  return {
    ...plan,
    normalisation: '',
    scale: deviation.map((value) => 1 / (255 * value)),
    offset: mean.map((value, channel) => -value / deviation[channel]!),
  };
}

/** What a model's `userDefinedMetadata` says about its images. */
export function imageOptionsOf(metadata: Readonly<Record<string, unknown>>): ImageOptions {
  const options: { -readonly [K in keyof ImageOptions]: ImageOptions[K] } = {};
  const { normalisation, fit, crop } = metadata;
  if (typeof normalisation === 'string' || (typeof normalisation === 'object' && normalisation !== null))
    options.normalisation = normalisation as NonNullable<ImageOptions['normalisation']>;
  if (typeof fit === 'string') options.fit = fit as NonNullable<ImageOptions['fit']>;
  if (typeof crop === 'number') options.crop = crop;
  return options;
}
