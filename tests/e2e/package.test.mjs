// The package in a page, on models that the tests make: every variant, with and without isolation, and bad input.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { writeModel } from '../cli/fixtures.mjs';
import { withFolder } from '../differential/linnet.mjs';
import { runModel, withFallback } from '../differential/oracle.mjs';
import { relativeError } from '../differential/tensors.mjs';
import { launch, modelDocuments, openPackagePage, runInPage, startServer } from './harness.mjs';
import { noise, smallClassifier, smallRanges } from './small_models.mjs';

const size = 48;
const small = smallClassifier({ size, metadata: { normalisation: 'pm1', fit: 'stretch' } });
const image = noise(size * size * 3, 5);

const withNode = (change) => {
  const json = structuredClone(small.json);
  change(json);
  return { json, weights: small.weights };
};
const node = (json, name) => json.modelTopology.node.find((entry) => entry.name === name);

const documents = {
  ...modelDocuments('/small', small),
  ...modelDocuments('/int8', smallClassifier({ size, metadata: { normalisation: 'pm1', fit: 'stretch', linnet: { ranges: smallRanges } } })),
  ...modelDocuments('/short', { ...small, weights: small.weights.subarray(0, 1000) }),
  ...modelDocuments('/long', { ...small, weights: Buffer.concat([small.weights, Buffer.alloc(4)]) }),
  ...modelDocuments('/op', withNode((json) => (node(json, 'stem/relu6').op = 'Wobble'))),
  ...modelDocuments('/missing-node', withNode((json) => (node(json, 'sum').input = ['point', 'nowhere']))),
  ...modelDocuments('/cycle', withNode((json) => (node(json, 'depth').input = ['sum', 'depth/w']))),
  ...modelDocuments('/shape', withNode((json) => (node(json, 'sum').input = ['point', 'image']))),
  '/no-weights/model.json': JSON.stringify(small.json),
  '/broken/model.json': '{"format": "graph-model", ',
  '/other/model.json': '{"hello": 1}',
  '/html/model.json': '<!doctype html><title>Not found</title>',
  '/deep/model.json': '['.repeat(200_000),
};

let browser, expected;
before(async () => {
  browser = await launch();
  expected = await withFolder(async (folder) => {
    const path = `${writeModel(folder, 'small', small)}/model.json`;
    const [output] = await withFallback(() => runModel(path, { image: { shape: [1, size, size, 3], data: image } }));
    return output.data;
  });
});
after(() => browser.close());

async function withPage({ isolate }, use) {
  const server = await startServer({
    documents,
    isolate,
    handle(request, response) {
      if (request.url === '/cut/model.json') {
        response.end(documents['/small/model.json']);
        return true;
      }
      if (request.url === '/cut/weights.bin') {
        response.writeHead(200, { 'Content-Length': small.weights.length });
        response.write(small.weights.subarray(0, 500), () => response.destroy());
        return true;
      }
      if (request.url === '/slow/model.json') return true; // never answers
      if (request.url === '/teapot/model.json') {
        response.writeHead(418);
        response.end();
        return true;
      }
      return false;
    },
  });
  const page = await openPackagePage(browser, server.url);
  try {
    await use(page, server.url);
    assert.deepEqual(page.problems, []);
    assert.deepEqual(await page.evaluate('violations'), [], 'the content security policy refused something');
  } finally {
    await page.context().close();
    await server.close();
  }
}

for (const isolate of [true, false]) {
  describe(isolate ? 'in an isolated page' : 'in a page without isolation', () => {
    const variants = ['simd', 'relaxed', ...(isolate ? ['simd-threads', 'relaxed-threads'] : [])];
    for (const variant of variants) {
      test(`variant ${variant} gives what TensorFlow.js gives, and allocates nothing`, () =>
        withPage({ isolate }, async (page) => {
          const counts = variant.endsWith('threads') ? [1, 2, 3] : [1];
          for (const threads of counts) {
            const result = await runInPage(page, '/small', { image }, { variant, threads }, 20);
            assert.equal(result.variant, variant);
            assert.equal(result.threads, threads);
            assert.ok(relativeError(result.outputs[0].data, expected) < 1e-5, `${threads} threads`);
            assert.deepEqual([result.allocations, result.growth], [0, 0]);
          }
        }));
    }

    test('picks the best variant by itself', () =>
      withPage({ isolate }, async (page) => {
        const result = await runInPage(page, '/small', { image }, { threads: 2 });
        assert.equal(await page.evaluate('crossOriginIsolated'), isolate);
        assert.deepEqual([result.variant, result.threads], isolate ? ['relaxed-threads', 2] : ['relaxed', 1]);
      }));
  });
}

describe('in the calling thread', () => {
  test('a page gets what a worker gives, from one thread and without another script running', () =>
    withPage({ isolate: true }, async (page) => {
      const started = [];
      page.on('worker', (worker) => started.push(worker.url()));
      const result = await runInPage(page, '/small', { image }, { worker: false, threads: 2 }, 5);
      assert.deepEqual([result.backend, result.variant, result.threads], ['wasm', 'relaxed', 1]);
      assert.ok(relativeError(result.outputs[0].data, expected) < 1e-5);
      assert.deepEqual([result.allocations, result.growth], [0, 0]);
      assert.deepEqual(started, []);
    }));

  test('a worker of the page runs models itself, with threads', () =>
    withPage({ isolate: true }, async (page) => {
      for (const threads of [1, 2]) {
        const result = await page.evaluate(
          ([url, input, count]) =>
            new Promise((resolve, reject) => {
              const worker = new Worker('/calling_worker.js', { type: 'module' });
              worker.onmessage = ({ data }) => resolve({ ...data, output: [...data.output] });
              worker.onerror = ({ message }) => reject(new Error(message));
              worker.postMessage({ url, input: Float32Array.from(input), options: { threads: count } });
            }),
          ['/small', [...image], threads],
        );
        assert.deepEqual([result.backend, result.threads, result.allocations], ['wasm', threads, 0]);
        assert.ok(relativeError(Float32Array.from(result.output), expected) < 1e-5, `${threads} threads`);
      }
    }));

  test('images, errors and disposal are as in a worker', () =>
    withPage({ isolate: true }, async (page) => {
      const told = await page.evaluate(async () => {
        const pixels = new ImageData(48, 48);
        pixels.data.forEach((_, i) => (pixels.data[i] = (i * 31) % 256));
        const answers = [];
        for (const worker of [true, false]) {
          const model = await linnet.loadModel('/small', { worker, backend: 'wasm', variant: 'relaxed' });
          answers.push(String((await model.runImage(pixels)).answers));
          await model.dispose();
          answers.push((await errorOf(() => model.run(new Float32Array(48 * 48 * 3)))).code);
        }
        const errors = [];
        for (const [url, options] of [['/broken', {}], ['/short', {}], ['/small', { backend: 'auto' }]])
          errors.push((await errorOf(() => linnet.loadModel(url, { ...options, worker: false }))).code);
        const stop = new AbortController();
        const slow = errorOf(() => linnet.loadModel('/slow', { worker: false, signal: stop.signal }));
        setTimeout(() => stop.abort(), 50);
        return { answers, errors: [...errors, (await slow).code] };
      });
      assert.deepEqual(told.answers.slice(2), told.answers.slice(0, 2));
      assert.equal(told.answers[1], 'Disposed');
      assert.deepEqual(told.errors, ['MalformedJson', 'WrongSize', 'InvalidArgument', 'Aborted']);
    }));
});

test('describes the model, its memory and its progress', () =>
  withPage({ isolate: true }, async (page) => {
    const told = await page.evaluate(async () => {
      const progress = [];
      const model = await linnet.loadModel('/small/', { batch: 2, threads: 1, onProgress: (step) => progress.push(step) });
      const { inputs, outputs, metadata, macs } = model;
      const memory = model.memory();
      const outcome = await model.run(new Float32Array(2 * 48 * 48 * 3));
      await model.dispose();
      return { inputs, outputs, metadata, macs, memory, progress, length: outcome.answers.length };
    });
    assert.deepEqual(told.inputs, [{ name: 'image', dtype: 'f32', shape: [2, size, size, 3] }]);
    assert.deepEqual(told.outputs, [{ name: 'answers', dtype: 'f32', shape: [2, 10] }]);
    assert.equal(told.length, 20);
    assert.deepEqual(told.metadata, { normalisation: 'pm1', fit: 'stretch' });
    // stem 24*24*16*27, depthwise 24*24*16*9, pointwise 24*24*16*16, dense 160; for two images
    assert.equal(told.macs, 2 * (24 * 24 * 16 * (27 + 9 + 16) + 160));
    const { arena, lowerBound, weights, resident, total } = told.memory;
    assert.ok(lowerBound > 0 && lowerBound <= arena && arena <= 1.05 * lowerBound, `${arena} of ${lowerBound}`);
    assert.ok(weights > 0 && resident >= arena + weights && total >= resident);
    const last = told.progress.at(-1);
    assert.equal(last.phase, 'compile');
    assert.equal(last.loadedBytes, last.totalBytes);
  }));

test('answers queued runs in order, each for its own input', () =>
  withPage({ isolate: true }, async (page) => {
    const same = await page.evaluate(async () => {
      const model = await linnet.loadModel('/small/', { threads: 2 });
      const inputs = Array.from({ length: 6 }, (_, k) => new Float32Array(48 * 48 * 3).map((_, i) => Math.sin(i * (k + 1))));
      const order = [];
      const queued = inputs.map((input, k) => {
        const copy = input.slice();
        const answer = model.run(copy).then((outputs) => (order.push(k), [...outputs.answers]));
        copy.fill(0); // the caller's array is free again
        return answer;
      });
      const together = await Promise.all(queued);
      const alone = [];
      for (const input of inputs) alone.push([...(await model.run({ image: input })).answers]);
      await model.dispose();
      return { order, equal: JSON.stringify(together) === JSON.stringify(alone), different: new Set(alone.map(String)).size };
    });
    assert.deepEqual(same, { order: [0, 1, 2, 3, 4, 5], equal: true, different: 6 });
  }));

test('profiles a model node by node, and still runs after', () =>
  withPage({}, async (page) => {
    const { nodes, macs, same, codes } = await page.evaluate(async () => {
      const model = await linnet.loadModel('/small');
      const input = new Float32Array(model.inputs[0].shape.reduce((a, b) => a * b)).fill(0.5);
      const before = Object.values(await model.run(input))[0].join();
      const nodes = await model.profile(input, 7);
      const after = Object.values(await model.run(input))[0].join();
      const codes = [];
      for (const runs of [0, -1, NaN]) codes.push(await model.profile(input, runs).catch(({ code }) => code));
      codes.push(await model.profile(new Float32Array(1)).catch(({ code }) => code));
      const { macs } = model;
      await model.dispose();
      codes.push(await model.profile(input).catch(({ code }) => code));
      return { nodes, macs, same: before === after, codes };
    });
    assert.equal(nodes.reduce((sum, node) => sum + node.macs, 0), macs);
    const stem = nodes[0];
    assert.deepEqual([stem.op, stem.window, stem.dtype, stem.input], ['conv2d', [3, 3], 'f32', [1, size, size, 3]]);
    for (const { kernel, steps, ms, output } of nodes) assert.ok(kernel && steps > 0 && ms >= 0 && output.length > 0);
    assert.ok(nodes.some(({ ms }) => ms > 0));
    assert.ok(same, 'a profile changed what a run gives');
    assert.deepEqual(codes, ['InvalidArgument', 'InvalidArgument', 'InvalidArgument', 'WrongSize', 'Disposed']);
  }));

test('prepares images in the worker as the metadata and the options say', () =>
  withPage({ isolate: true }, async (page) => {
    const result = await page.evaluate(async () => {
      const model = await linnet.loadModel('/small/', { threads: 1 });
      const grey = new ImageData(48, 48);
      for (let i = 0; i < grey.data.length; ++i) grey.data[i] = i % 4 === 3 ? 255 : (i * 7) % 256;
      const fill = (convert) => {
        const input = new Float32Array(48 * 48 * 3);
        for (let i = 0; i < 48 * 48; ++i) for (let c = 0; c < 3; ++c) input[3 * i + c] = convert(grey.data[4 * i + c]);
        return input;
      };
      const answers = async (promise) => [...(await promise).answers];
      const bitmap = await createImageBitmap(grey, { premultiplyAlpha: 'none' });
      const canvas = new OffscreenCanvas(48, 48);
      canvas.getContext('2d').putImageData(grey, 0, 0);
      const metadata = await answers(model.runImage(grey));
      const expectMetadata = await answers(model.run(fill((x) => x / 127.5 - 1)));
      const overruled = await answers(model.runImage(grey, { normalisation: 'unit' }));
      const expectOverruled = await answers(model.run(fill((x) => x / 255)));
      const others = [await answers(model.runImage(bitmap)), await answers(model.runImage(canvas))];
      others.push(await answers(model.runImage(await canvas.convertToBlob())));
      others.push(await answers(model.runImage(new VideoFrame(canvas, { timestamp: 0 }))));
      // A camera's frame: luma and chroma planes, here of one grey.
      const planes = new Uint8Array((48 * 48 * 3) / 2).fill(128);
      const film = () => new VideoFrame(planes, { format: 'I420', codedWidth: 48, codedHeight: 48, timestamp: 0 });
      const even = new ImageData(48, 48);
      even.data.fill(130); // (128 - 16) * 255 / 219
      const frames = [await answers(model.runImage(film())), await answers(model.runImage(even))];
      await model.runImage(grey);
      const before = await model.heap();
      for (let i = 0; i < 10; ++i) await model.runImage(i % 2 ? even : grey);
      const after = await model.heap();
      await model.dispose();
      return { metadata, expectMetadata, overruled, expectOverruled, others, frames, allocations: after.allocations - before.allocations };
    });
    assert.ok(relativeError(result.metadata, result.expectMetadata) < 1e-4);
    assert.ok(relativeError(result.overruled, result.expectOverruled) < 1e-4);
    assert.ok(relativeError(result.metadata, result.overruled) > 1e-2);
    for (const other of result.others) assert.ok(relativeError(other, result.metadata) < 2e-2);
    assert.ok(relativeError(...result.frames) < 2e-2);
    assert.equal(result.allocations, 0, 'frames of one size allocated');
  }));

test('gives an int8 model the codes of an image, to the bit those of its elements', () =>
  withPage({ isolate: true }, async (page) => {
    const result = await page.evaluate(async () => {
      const model = await linnet.loadModel('/int8/');
      const picture = new ImageData(48, 48);
      for (let i = 0; i < picture.data.length; ++i) picture.data[i] = i % 4 === 3 ? 255 : (i * 7919) >> 5;
      const scale = Math.fround(1 / 127.5);
      const elements = new Float32Array(48 * 48 * 3).map((_, i) => Math.fround(picture.data[4 * Math.floor(i / 3) + (i % 3)] * scale) - 1);
      const answers = async (promise) => [...(await promise).answers];
      const rows = [];
      // One after the other: neither finds what the other has left.
      for (let i = 0; i < 3; ++i) rows.push(await answers(model.runImage(picture)), await answers(model.run(elements)));
      const zeros = await answers(model.run(new Float32Array(elements.length)));
      const ops = (await model.profile(elements, 1)).map(({ op }) => op);
      await model.dispose();
      return { rows, zeros, ops };
    });
    assert.equal(result.ops[0], 'quantize');
    for (const row of result.rows) assert.deepEqual(row, result.rows[0]);
    assert.notDeepEqual(result.zeros, result.rows[0]);
  }));

test('loads from a set of files', () =>
  withPage({ isolate: true }, async (page) => {
    const result = await page.evaluate(async () => {
      const get = async (name) => (await fetch(`/small/${name}`)).blob();
      const files = [new File([await get('weights.bin')], 'weights.bin'), new File([await get('model.json')], 'model.json')];
      const model = await linnet.loadModel(files, { threads: 1 });
      const names = model.outputs.map(({ name }) => name);
      await model.dispose();
      return {
        names,
        lacking: await errorOf(() => linnet.loadModel(files.slice(1))),
        none: await errorOf(() => linnet.loadModel(files.slice(0, 1))),
      };
    });
    assert.deepEqual(result.names, ['answers']);
    assert.equal(result.lacking.code, 'Io');
    assert.match(result.lacking.message, /'weights\.bin', which model\.json names, is not among the files/);
    assert.match(result.none.message, /no model\.json among the files/);
  }));

const badModels = [
  ['/nowhere', 'Network', /\/nowhere\/model\.json answered 404/],
  ['/teapot', 'Network', /answered 418/],
  ['http://127.0.0.1:9/model.json', 'Network', /could not be reached/],
  ['/no-weights', 'Network', /weights\.bin answered 404/],
  ['/cut', 'Network', /weights\.bin broke off/],
  ['/short', 'WrongSize', /weights\.bin|1000/],
  ['/long', 'WrongSize', /'weights\.bin' holds more/],
  ['/broken', 'MalformedJson', /\/broken\/model\.json/],
  ['/html', 'MalformedJson', /\/html\/model\.json/],
  ['/deep', /MalformedJson|MalformedModel|TooLarge/, /\/deep\/model\.json/],
  ['/other', /MalformedModel|MalformedJson/, /\/other\/model\.json/],
  ['/op', 'UnsupportedOp', /Wobble.*stem\/relu6|stem\/relu6.*Wobble/],
  ['/missing-node', 'MissingNode', /nowhere/],
  ['/cycle', 'Cycle', /depth|sum|point/],
  ['/shape', 'ShapeMismatch', /sum/],
];
for (const [url, code, words] of badModels) {
  test(`a bad model: ${url}`, () =>
    withPage({ isolate: true }, async (page) => {
      const error = await page.evaluate((from) => errorOf(() => linnet.loadModel(from, { threads: 1 })), url);
      assert.equal(error.name, 'LinnetError', error.message);
      if (code instanceof RegExp) assert.match(error.code, code);
      else assert.equal(error.code, code, error.message);
      assert.match(error.message, words);
    }));
}

test('bad options and bad inputs say what to do', () =>
  withPage({ isolate: true }, async (page) => {
    const errors = await page.evaluate(async () => {
      const load = (options) => errorOf(() => linnet.loadModel('/small/', options));
      const model = await linnet.loadModel('/small/', { threads: 1 });
      const run = (...given) => errorOf(() => model.run(...given));
      const draw = (...given) => errorOf(() => model.runImage(...given));
      const picture = new ImageData(4, 4);
      const fine = await model.run(new Float32Array(48 * 48 * 3));
      const all = {
        backend: await load({ backend: 'webnn' }),
        threads: await load({ threads: 0 }),
        batch: await load({ batch: 1.5 }),
        shape: await load({ inputShapes: { image: [1, 0x7fffffff, 0x7fffffff, 3] } }),
        named: await load({ inputShapes: { picture: [1, 48, 48, 3] } }),
        length: await run(new Float32Array(7)),
        type: await run(new Float64Array(48 * 48 * 3)),
        unknown: await run({ picture: new Float32Array(48 * 48 * 3) }),
        recycle: await run(new Float32Array(48 * 48 * 3), { recycle: {} }),
        twice: await errorOf(async () => {
          const outputs = await model.run(new Float32Array(48 * 48 * 3));
          await model.run(new Float32Array(48 * 48 * 3), { recycle: outputs });
          await model.run(new Float32Array(48 * 48 * 3), { recycle: outputs });
        }),
        blob: await draw(new Blob(['not a picture'])),
        crop: await draw(picture, { crop: 0 }),
        fit: await draw(picture, { fit: 'shrink' }),
        assets: await load({ assets: 'http://localhost:9/' }),
        gone: await load({ assets: '/nowhere/' }),
        normalisation: await draw(picture, { normalisation: 'loud' }),
        input: await draw(picture, { input: 'picture' }),
      };
      // None of these hurts the model.
      const again = await model.run(new Float32Array(48 * 48 * 3));
      all.unhurt = String(again.answers) === String(fine.answers);
      await model.dispose();
      await model.dispose();
      all.disposed = await run(new Float32Array(48 * 48 * 3));
      const bitmap = await createImageBitmap(picture);
      all.disposedImage = await draw(bitmap);
      all.closed = bitmap.width === 0;
      return all;
    });
    const codes = Object.fromEntries(Object.entries(errors).map(([key, error]) => [key, error.code]));
    assert.deepEqual(
      { ...codes, shape: undefined, named: undefined, unhurt: errors.unhurt, closed: errors.closed },
      {
        backend: 'InvalidArgument',
        threads: 'InvalidArgument',
        batch: 'InvalidArgument',
        shape: undefined,
        named: undefined,
        length: 'WrongSize',
        type: 'TypeMismatch',
        unknown: 'InvalidArgument',
        recycle: 'InvalidArgument',
        twice: 'InvalidArgument',
        blob: 'BadImage',
        crop: 'InvalidArgument',
        fit: 'InvalidArgument',
        assets: 'UnsupportedHost',
        gone: 'EngineFailed',
        normalisation: 'InvalidArgument',
        input: 'InvalidArgument',
        unhurt: true,
        disposed: 'Disposed',
        disposedImage: 'Disposed',
        closed: true,
      },
    );
    assert.match(codes.shape, /TooLarge|ShapeMismatch|InvalidArgument/);
    assert.match(codes.named, /InvalidArgument|MissingNode|ShapeMismatch/);
    assert.match(errors.length.message, /'image' \(f32 \[1,48,48,3\]\) takes 6912 elements, not 7/);
  }));

test('loading can be called off', () =>
  withPage({ isolate: true }, async (page) => {
    const errors = await page.evaluate(async () => {
      const controller = new AbortController();
      const pending = errorOf(() => linnet.loadModel('/slow/', { signal: controller.signal }));
      setTimeout(() => controller.abort(), 50);
      return [await pending, await errorOf(() => linnet.loadModel('/small/', { signal: AbortSignal.abort() }))];
    });
    assert.deepEqual(errors.map(({ code }) => code), ['Aborted', 'Aborted']);
  }));

test('loading and disposing again and again leaves nothing behind', () =>
  withPage({ isolate: true }, async (page) => {
    const handles = await page.evaluate(async () => {
      const counts = [];
      for (let i = 0; i < 8; ++i) {
        const model = await linnet.loadModel('/small/', { threads: 2 });
        counts.push((await model.heap()).liveHandles);
        await model.dispose();
      }
      return counts;
    });
    assert.deepEqual(handles, Array(8).fill(1));
    for (let i = 0; page.workers().length > 0 && i < 50; ++i) await page.waitForTimeout(100);
    assert.equal(page.workers().length, 0, 'workers outlive their models');
  }));
