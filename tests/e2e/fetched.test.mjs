// What a page fetches of GPUs and of the choice among backends: nothing before it may need it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { canvasFlags, launch, modelDocuments, openPackagePage, startServer } from './harness.mjs';
import { products, smallClassifier } from './small_models.mjs';

let browser, server;
// A model in files of 64 KB.
const many = (() => {
  const { json, weights } = products();
  const paths = Array.from({ length: Math.ceil(weights.length / 65536) }, (_, i) => `part${i}.bin`);
  const [group] = json.weightsManifest;
  const documents = { '/many/model.json': JSON.stringify({ ...json, weightsManifest: [{ ...group, paths }] }) };
  paths.forEach((path, i) => (documents[`/many/${path}`] = weights.subarray(65536 * i, 65536 * (i + 1))));
  return { documents, count: paths.length };
})();
before(async () => {
  browser = await launch({ flags: canvasFlags });
  server = await startServer({ documents: { ...modelDocuments('/small', smallClassifier({ size: 48 })), ...many.documents } });
});
after(async () => {
  await browser.close();
  await server.close();
});

// The package's files that `task` has a page fetch, but for the page's own; hashes in names are left out.
async function fetched(task) {
  const page = await openPackagePage(browser, server.url);
  const files = new Set();
  page.context().on('request', (request) => {
    const file = /\/linnet\/([^/?]+\.(?:js|wasm))$/.exec(request.url());
    if (file) files.add(file[1].replace(/-[A-Z0-9]{8}(?=\.)/, ''));
  });
  const result = await page.evaluate(task);
  assert.deepEqual(page.problems, []);
  await page.context().close();
  const own = /^(linnet|linnet-(simd|relaxed)(-threads)?|engine_worker|helper_worker|local_worker|chunk)\.(js|wasm)$/;
  return { files: [...files].filter((name) => !own.test(name)).sort(), result };
}

const ladder = ['climb.js', 'linnet-live.wasm'];
const shared = ['gpu-chunk.js', 'gpu.js', 'linnet-gpu.wasm'];

test('a page that tries no GPU fetches nothing for one', async () => {
  const { files } = await fetched(async () => {
    for (const options of [{ backend: 'wasm' }, { worker: false }]) {
      const model = await linnet.loadModel('/small/', { threads: 1, ...options });
      await model.run(new Float32Array(48 * 48 * 3));
      await model.runImage(new ImageData(8, 8));
      await model.dispose();
    }
  });
  assert.deepEqual(files, []);
});

test('safe mode fetches the choice among backends, which says so, and nothing for a GPU', async () => {
  const { files, result } = await fetched(async () => {
    const model = await linnet.loadModel('/small/', { threads: 1, safeMode: true });
    while (!model.choice?.decided) await new Promise((resolve) => setTimeout(resolve, 10));
    const { backend, choice } = model;
    await model.dispose();
    return [backend, choice.reason];
  });
  assert.deepEqual(files, ladder);
  assert.deepEqual(result, ['wasm', 'WASM, as safe mode asks']);
});

for (const [backend, images] of [['webgl2', []], ['webgpu', ['gpu-frames.js', 'linnet-frames.wasm']]])
  test(`what ${backend} needs is one script of its own, and with the first image what prepares it`, async () => {
    const { files } = await fetched(
      backend === 'webgl2'
        ? async () => {
            const model = await linnet.loadModel('/small/', { backend: 'webgl2', prepareOn: 'gpu' });
            await model.runImage(await createImageBitmap(new ImageData(8, 8)));
            await model.dispose();
          }
        : async () => {
            const model = await linnet.loadModel('/small/', { backend: 'webgpu', prepareOn: 'gpu' });
            await model.run(new Float32Array(48 * 48 * 3));
            await model.runImage(await createImageBitmap(new ImageData(8, 8)));
            await model.dispose();
          },
    );
    assert.deepEqual(files, [...shared, `gpu-${backend}.js`, ...images].sort());
  });

test('auto fetches the choice, and the scripts of both APIs where both are there', async () => {
  const { files } = await fetched(async () => {
    const model = await linnet.loadModel('/small/', { threads: 1, remember: false });
    while (!model.choice?.decided) await new Promise((resolve) => setTimeout(resolve, 10));
    await model.dispose();
  });
  assert.deepEqual(files, [...ladder, ...shared, 'gpu-webgl2.js', 'gpu-webgpu.js', 'probe_worker.js'].sort());
});

test('a load that is called off asks for no more files', async () => {
  const page = await openPackagePage(browser, server.url);
  let asked = 0;
  page.on('request', (request) => (asked += Number(request.url().includes('/many/part'))));
  const load = (isCalledOff) =>
    page.evaluate(async (isCalledOff) => {
      const stop = new AbortController();
      const onProgress = ({ totalBytes }) => isCalledOff && totalBytes > 0 && stop.abort();
      const model = await linnet.loadModel('/many/', { backend: 'wasm', worker: false, signal: stop.signal, onProgress }).catch(({ code }) => code);
      // What was under way would be over long before.
      await new Promise((resolve) => setTimeout(resolve, isCalledOff ? 500 : 0));
      return model.dispose ? (await model.dispose(), 'loaded') : model;
    }, isCalledOff);
  assert.equal(await load(false), 'loaded');
  assert.equal(asked, many.count);
  asked = 0;
  assert.equal(await load(true), 'Aborted');
  assert.ok(asked < many.count - 8, `${asked} of ${many.count} files were asked for`);
  await page.context().close();
});
