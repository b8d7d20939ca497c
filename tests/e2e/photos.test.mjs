// Photos in Chromium: the same five answers, in the same order, as the native command gives.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { imagesFolder, linnet, missing, modelsFolder } from '../differential/linnet.mjs';
import { launch, openPackagePage, startServer } from './harness.mjs';

const classifiers = ['mobilenet_v2_1.0_224', 'mobilenet_v1_0.25_128', 'mobilenet_v1_0.75_192', 'squeezenet1.1_224'];
const count = 6;

let browser, server, page;
before(async () => {
  browser = await launch();
  server = await startServer();
  page = await openPackagePage(browser, server.url);
});
after(async () => {
  await browser.close();
  await server.close();
});

async function samplePhotos() {
  const { images } = JSON.parse(await readFile(join(imagesFolder, 'labels.json'), 'utf8'));
  const names = Object.keys(images).sort();
  return Array.from({ length: count }, (_, i) => names[Math.floor(((i + 0.5) * names.length) / count)]);
}

for (const name of classifiers) {
  const folder = join(modelsFolder, name);
  test(`${name} answers photos as it does natively`, { skip: missing(folder) || missing(imagesFolder) }, async () => {
    const photos = await samplePhotos();
    const native = await linnet('classify', folder, ...photos.map((photo) => join(imagesFolder, photo)), '--top', '5');
    const answers = await page.evaluate(
      async ([model, files]) => {
        const loaded = await linnet.loadModel(`/models/${model}`);
        const all = [];
        for (const file of files) {
          const outputs = await loaded.runImage(await (await fetch(`/photos/${file}`)).blob());
          const scores = outputs[loaded.outputs[0].name];
          all.push([...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, 5));
        }
        await loaded.dispose();
        return all;
      },
      [name, photos],
    );
    photos.forEach((photo, i) =>
      assert.deepEqual(answers[i], native.images[i].top.map(({ index }) => index), photo),
    );
  });
}
