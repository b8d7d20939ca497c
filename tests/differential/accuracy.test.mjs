// The classifiers' accuracy on the shared photos, by `linnet evaluate`: none may fall below what is recorded here, which is
// what TensorFlow.js reaches with the same models (the shared models' README).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { imagesFolder, linnet, missing, modelsFolder } from './linnet.mjs';

const photos = 500;

// The model, its normalisation, and how many photos have their class first, and among the first five.
const recorded = [
  ['mobilenet_v2_1.0_224/model.json', 'imagenet', 408, 483],
  ['mobilenet_v2_1.0_224/model_96.json', 'imagenet', 250, 385],
  ['mobilenet_v2_1.0_224_tf/model.json', 'pm1', 433, 490],
  ['mobilenet_v1_0.25_224/model.json', 'pm1', 290, 404],
  ['mobilenet_v1_0.25_128/model.json', 'pm1', 223, 363],
  ['mobilenet_v1_0.5_160/model.json', 'pm1', 342, 439],
  ['mobilenet_v1_0.75_192/model.json', 'pm1', 404, 477],
  ['squeezenet1.1_224/model.json', 'imagenet', 311, 410],
];

for (const [path, normalisation, top1, top5] of recorded) {
  const model = join(modelsFolder, path);
  test(`${path} keeps its accuracy`, { skip: missing(imagesFolder) || missing(model) }, async () => {
    const labels = join(imagesFolder, 'labels.json');
    const found = await linnet('evaluate', model, '--images', imagesFolder, '--labels', labels, '--normalisation', normalisation);
    assert.equal(found.images, photos);
    console.log(`RESULT: ${path}: top-1 ${found.top1_count} (at least ${top1}), top-5 ${found.top5_count} (at least ${top5}) of ${photos}`);
    assert.ok(found.top1_count >= top1, `top-1: ${found.top1_count} of ${photos}, recorded are ${top1}`);
    assert.ok(found.top5_count >= top5, `top-5: ${found.top5_count} of ${photos}, recorded are ${top5}`);
  });
}
