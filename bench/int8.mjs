// Models that Linnet runs in int8: copies that `linnet quantize` calibrates.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRoot, execute, imagesFolder } from '../tests/differential/linnet.mjs';
import { writeNpy } from '../tests/differential/tensors.mjs';
import { randomNumbers } from './page/inputs.js';

/** Where they are written, a folder for each model. */
export const int8Folder = join(buildRoot, 'bench/int8');

const photos = 100;
const randomSamples = 32;

/**
 * Calibrates `model` (its topology at `path`) on photos, or on random inputs where it takes none, and gives the path of
 * the copy below int8Folder, or null where there are no photos. With `keep` a copy that is there is taken as it is.
 */
export async function calibrate(model, path, keep) {
  const folder = join(int8Folder, model.name);
  if (keep && existsSync(join(folder, 'model.json'))) return `${model.name}/model.json`;
  rmSync(folder, { recursive: true, force: true });
  let samples = imagesFolder;
  const flags = ['--limit', `${model.photos ? photos : randomSamples}`];
  if (model.photos) {
    if (!existsSync(samples)) return null;
    flags.push('--normalisation', model.photos);
  } else {
    samples = join(buildRoot, 'bench/samples', model.name);
    rmSync(samples, { recursive: true, force: true });
    mkdirSync(samples, { recursive: true });
    const [{ shape }] = model.inputs;
    const count = shape.reduce((product, dim) => product * dim, 1);
    // Seeds that measurements do not use.
    for (let i = 0; i < randomSamples; ++i)
      writeFileSync(join(samples, `${i}.npy`), writeNpy(shape, randomNumbers(count, model.range, 10_000 + i)));
  }
  await execute('linnet', ['quantize', path, '-o', folder, '--int8', '--calibrate', samples, ...flags]);
  return `${model.name}/model.json`;
}
