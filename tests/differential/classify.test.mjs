// Classifications of photos: the command's answers against TensorFlow.js on the same preprocessed input.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { imagesFolder, linnet, missing, modelsFolder, withFolder } from './linnet.mjs';
import { runModel, topologyPath, withFallback } from './oracle.mjs';
import { readNpy } from './tensors.mjs';

// The classifiers and their normalisation, as their documentation says.
const classifiers = [
  ['mobilenet_v2_1.0_224', 'imagenet'],
  ['mobilenet_v1_0.25_224', 'pm1'],
  ['mobilenet_v1_0.5_160', 'pm1'],
  ['squeezenet1.1_224', 'imagenet'],
];
const photos = 6;

/** The indices of the largest `count` numbers, the largest first. */
const topIndices = (scores, count) =>
  Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .slice(0, count);

/** Names of photos, spread over the set. */
async function samplePhotos() {
  const { images } = JSON.parse(await readFile(join(imagesFolder, 'labels.json'), 'utf8'));
  const names = Object.keys(images).sort();
  return Array.from({ length: photos }, (_, i) => names[Math.floor((i * names.length) / photos)]);
}

for (const [name, normalisation] of classifiers) {
  const folder = join(modelsFolder, name);
  test(`${name} gives the same five answers as TensorFlow.js`, { skip: missing(folder) || missing(imagesFolder) }, async () => {
    for (const photo of await samplePhotos()) {
      await withFolder(async (scratch) => {
        const saved = join(scratch, 'input.npy');
        const answer = await linnet(
          ...['classify', folder, join(imagesFolder, photo), '--top', '5'],
          ...['--normalisation', normalisation, '--save-input', saved],
        );
        const input = await readNpy(saved);
        const [expected] = await withFallback(() => runModel(topologyPath(folder), { input }));
        const indices = answer.images[0].top.map((entry) => entry.index);
        assert.deepEqual(indices, topIndices(expected.data, 5), photo);
      });
    }
  });
}
