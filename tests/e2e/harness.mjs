// What the tests in Chromium share: the browser, a server of everything, and pages with the package in them.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from '../../web/scripts/static_server.mjs';
import { imagesFolder, linnet, modelsFolder, withFolder } from '../differential/linnet.mjs';
import { readNpy } from '../differential/tensors.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** With these Chromium has WebGPU on a GPU that is emulated in software. */
export const gpuFlags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader'];

/**
 * With these as well what WebGPU draws on a canvas can be seen, and video frames can be imported: the browser composes by the
 * same emulated GPU.
 */
export const canvasFlags = [
  ...gpuFlags,
  ...['--enable-gpu', '--ignore-gpu-blocklist', '--use-angle=swiftshader', '--enable-features=Vulkan', '--use-vulkan=swiftshader'],
];

/** A headless browser. `camera` is a .y4m or .mjpeg file that plays as its camera. */
export function launch({ camera, flags = [] } = {}) {
  const args = ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', ...flags];
  if (camera) args.push(`--use-file-for-fake-video-capture=${camera}`);
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args });
}

/** Serves the test pages, the package, the app, the shared models and photos, and `documents`. */
export function startServer({ documents, handle, isolate = true, mounts = [] } = {}) {
  return serve({
    mounts: [
      ['/', join(root, 'tests/e2e/pages')],
      ['/linnet/', join(root, 'web/dist')],
      ['/app/', join(root, 'apps/classify/dist')],
      ['/models/', modelsFolder],
      ['/photos/', imagesFolder],
      ...mounts,
    ],
    documents,
    handle,
    isolate,
  });
}

/** A page with the package at `globalThis.linnet`. `page.problems` collects what went wrong behind the tests' backs. */
export async function openPackagePage(browser, url) {
  const page = await (await browser.newContext()).newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  await page.goto(`${url}/package.html`);
  await page.waitForFunction('globalThis.ready === true');
  return page;
}

/** Documents that serve a model of `{json, weights}` below `prefix`. */
export const modelDocuments = (prefix, { json, weights }) => ({
  [`${prefix}/model.json`]: JSON.stringify(json),
  [`${prefix}/weights.bin`]: weights,
});

const encode = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/**
 * Loads the model at `url` in the page, runs it `repeat` times on `inputs` (typed arrays by name) and disposes of it.
 * Gives the outputs as Float32Arrays by name, the heap's allocations that all runs but the first made, and figures.
 */
export async function runInPage(page, url, inputs, options = {}, repeat = 1) {
  const encoded = Object.entries(inputs).map(([name, array]) => [name, array.constructor.name, encode(array)]);
  const result = await page.evaluate(
    async ([from, arrays, given, count]) => {
      const model = await linnet.loadModel(from, given);
      const named = {};
      for (const [name, type, text] of arrays) named[name] = new globalThis[type](fromBase64(text).buffer);
      // The command writes inputs to files whose names leave out what a file system may not take.
      const input = arrays.length === 1 ? Object.values(named)[0] : named;
      let outputs = await model.run(input);
      const before = await model.heap();
      const times = [];
      for (let i = 1; i < count; ++i) {
        outputs = await model.run(input, { recycle: outputs });
        times.push(model.timing.run);
      }
      const after = await model.heap();
      const summary = {
        outputs: model.outputs.map(({ name, shape, dtype }) => ({ name, shape, dtype, data: toBase64(outputs[name]) })),
        allocations: after.allocations - before.allocations,
        growth: after.liveBytes - before.liveBytes,
        memory: model.memory(),
        backend: model.backend,
        variant: model.variant,
        threads: model.threads,
        milliseconds: times.sort((a, b) => a - b)[times.length >> 1] ?? model.timing.run,
      };
      await model.dispose();
      return summary;
    },
    [url, encoded, options, repeat],
  );
  for (const output of result.outputs) {
    const bytes = Buffer.from(output.data, 'base64');
    output.data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }
  return result;
}

/**
 * The native command's answer to drawn inputs, with `flags`: `inputs` are typed arrays by name, `outputs` `{name, shape,
 * data}`.
 */
export async function nativeRun(path, ...flags) {
  return withFolder(async (folder) => {
    const inputFolder = `${join(folder, 'inputs')}/`;
    const run = await linnet(
      ...['run', path, ...flags, '--input', 'random:7', '--save-input', inputFolder],
      ...['--output', `${join(folder, 'outputs')}/`],
    );
    const inputs = {};
    for (const file of await readdir(inputFolder))
      inputs[basename(file, '.npy')] = (await readNpy(join(inputFolder, file))).data;
    const outputs = await Promise.all(run.outputs.map(async ({ name, file }) => ({ name, ...(await readNpy(file)) })));
    return { inputs, outputs };
  });
}
