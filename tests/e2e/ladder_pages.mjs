// What the tests of the ladder share: pages in which the engine's workers behave as told (pages/fake_rung_worker.js).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { modelDocuments, openPackagePage, startServer } from './harness.mjs';
import { smallClassifier, sum } from './small_models.mjs';

const script = (name) => readFileSync(new URL(`pages/${name}`, import.meta.url));
const stands = { 'engine_worker.js': script('fake_rung_worker.js'), 'probe_worker.js': script('fake_probe_worker.js') };

export const startLadderServer = (documents = {}) =>
  startServer({
    documents: { ...modelDocuments('/small', smallClassifier({ size: 48 })), ...modelDocuments('/other', smallClassifier({ size: 48, softmax: false })), ...modelDocuments('/sum', sum()), ...documents },
    handle(request, response) {
      const [, fake, behaviours, name] = request.url.split('/');
      if (fake !== 'fake') return false;
      const real = decodeURIComponent(behaviours).includes('"real"') && name === 'probe_worker.js';
      response.setHeader('Content-Type', name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript');
      response.end((!real && stands[name]) || readFileSync(new URL(`../../web/dist/${name}`, import.meta.url)));
      return true;
    },
  });

// What every test's page can use.
function helpers() {
  globalThis.loads = [];
  globalThis.orders = new BroadcastChannel('fake rungs');
  orders.onmessage = ({ data }) => data.loading && loads.push(data.loading);
  globalThis.load = (behaviours, { location = '/small/', ...options } = {}) =>
    linnet.loadModel(location, {
      threads: 1,
      variant: 'simd',
      backends: ['webgl2', 'webgpu'],
      assets: `/fake/${encodeURIComponent(JSON.stringify(behaviours))}/`,
      ...options,
    });
  globalThis.until = async (holds, what) => {
    for (let i = 0; i < 1500; ++i) {
      if (holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`never: ${what}`);
  };
  globalThis.decided = (model) => until(() => model.choice?.decided, 'decided');
  // Frame k, and what every backend has to answer to it.
  globalThis.frame = (k) => new Float32Array(48 * 48 * 3).map((_, i) => Math.sin(i * (k % 5) + (k % 5)));
  globalThis.expectedNumbers = async () => {
    const model = await linnet.loadModel('/small/', { backend: 'wasm', threads: 1, variant: 'simd' });
    const answers = [];
    for (let k = 0; k < 5; ++k) answers.push((await model.run(frame(k))).answers);
    await model.dispose();
    return answers;
  };
  globalThis.expectedAnswers = async () => (await expectedNumbers()).map((numbers) => numbers.join());
  // Within a thousandth of the range, as a GPU in f32 has to be.
  globalThis.near = (actual, expected) => {
    const range = Math.max(...expected) - Math.min(...expected);
    return expected.every((value, i) => Math.abs(value - actual[i]) <= 1e-3 * range);
  };
}

export async function openPage(browser, server, context) {
  const page = await openPackagePage({ newContext: () => context ?? browser.newContext() }, server.url);
  await page.evaluate(helpers);
  return page;
}

/** Runs `task` in an open page, which must be left without problems, and without workers. */
export async function inOpenPage(page, task, argument) {
  const result = await page.evaluate(task, argument);
  for (let i = 0; page.workers().length > 0 && i < 50; ++i) await page.waitForTimeout(100);
  assert.equal(page.workers().length, 0, 'workers outlive their models');
  assert.deepEqual(page.problems, []);
  assert.deepEqual(await page.evaluate('violations'), []);
  return result;
}

/** Runs `task` in a page, which must be left without problems. */
export async function inPage(browser, server, task, argument, context) {
  const page = await openPage(browser, server, context);
  try {
    const result = await page.evaluate(task, argument);
    assert.deepEqual(page.problems, []);
    assert.deepEqual(await page.evaluate('violations'), []);
    return result;
  } finally {
    if (!context) await page.context().close();
  }
}
