// Models on WebGPU and WebGL2 in Chromium, on GPUs in software, against the same models on WebAssembly.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { imagesFolder, linnet, missing, modelsFolder } from '../differential/linnet.mjs';
import { relativeError } from '../differential/tensors.mjs';
import { gpuFlags, launch, modelDocuments, nativeRun, openPackagePage, runInPage, startServer } from './harness.mjs';
import { loop, partsOnCpu, products, smallClassifier, sum } from './small_models.mjs';

const tolerance = 1e-3;
// LINNET_PHOTOS=500 compares f16 with f32 on all photos, which takes minutes.
const photoCount = Number(process.env.LINNET_PHOTOS ?? 30);
const made = mkdtempSync(join(tmpdir(), 'linnet-gpus-'));
let browser, server, page;

before(async () => {
  browser = await launch({ flags: gpuFlags });
  server = await startServer({ documents: { ...modelDocuments('/small', smallClassifier()), ...modelDocuments('/loop', loop([1, 1030])), ...modelDocuments('/sum', sum()), ...modelDocuments('/products', products()), ...modelDocuments('/parts', partsOnCpu()) }, mounts: [['/made/', made]] });
  page = await openPackagePage(browser, server.url);
});
after(async () => {
  await browser.close();
  await server.close();
  rmSync(made, { recursive: true, force: true });
});

// Fills every input with the same drawn values.
async function drawn(url) {
  const inputs = await page.evaluate(async (from) => {
    const model = await linnet.loadModel(from, { backend: 'wasm', threads: 1 });
    const list = model.inputs.map(({ name, shape, dtype }) => ({ name, dtype, size: shape.reduce((a, b) => a * b, 1) }));
    await model.dispose();
    return list;
  }, url);
  let state = 1;
  const draw = () => ((state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff) * 2 - 1;
  const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array, u8: Uint8Array };
  return Object.fromEntries(inputs.map(({ name, dtype, size }) => [name, new arrays[dtype](size).map(dtype === 'f32' ? draw : () => 1)]));
}

async function compare(url, backend, { precision = 'f32', allowed = tolerance } = {}) {
  const inputs = await drawn(url);
  const expected = await runInPage(page, url, inputs, { backend: 'wasm', threads: 1 });
  const actual = await runInPage(page, url, inputs, { backend, precision }, 4);
  assert.equal(actual.backend, backend);
  assert.deepEqual(
    actual.outputs.map(({ name, shape }) => [name, shape]),
    expected.outputs.map(({ name, shape }) => [name, shape]),
  );
  expected.outputs.forEach(({ data, name }, i) => {
    const error = relativeError(actual.outputs[i].data, data);
    assert.ok(error <= allowed, `${name} is off by ${error} of its range`);
  });
  assert.deepEqual([actual.allocations, actual.growth], [0, 0], 'allocations of three runs');
  assert.deepEqual(page.problems, []);
}

// A model's memory, answer and profile in a page's own thread, where WebGL has none of the extensions `hidden`.
async function without(...hidden) {
  const other = await openPackagePage(browser, server.url);
  const found = await other.evaluate(async (names) => {
    const prototype = WebGL2RenderingContext.prototype;
    const { getExtension } = prototype;
    prototype.getExtension = function (name) {
      return names.includes(name) ? null : getExtension.call(this, name);
    };
    const model = await linnet.loadModel('/small/', { backend: 'webgl2', worker: false });
    const input = Float32Array.from({ length: 48 * 48 * 3 }, (_, i) => Math.sin(i));
    const scores = [...Object.values(await model.run(input))[0]];
    const result = { arena: model.memory().arena, scores, nodes: await model.profile(input, 3) };
    await model.dispose();
    return result;
  }, hidden);
  assert.deepEqual(other.problems, []);
  await other.context().close();
  return found;
}

test('a device that draws halves alone stores tensors as such', async () => {
  const exact = await without();
  const half = await without('EXT_color_buffer_float');
  assert.ok(half.arena < exact.arena);
  assert.notDeepEqual(half.scores, exact.scores);
  const error = relativeError(Float32Array.from(half.scores), Float32Array.from(exact.scores));
  assert.ok(error <= 2e-2, `off by ${error} of the range`);
});

test('a profile on WebGL2 waits for each step where there is no clock', async () => {
  const { nodes } = await without('EXT_disjoint_timer_query_webgl2');
  for (const { kernel, ms } of nodes) assert.ok(kernel === 'GPU, waited for' && ms > 0);
});

for (const backend of ['webgpu', 'webgl2'])
  test(`a profile on ${backend} tells the time of every node`, async () => {
    const { nodes, macs, error } = await page.evaluate(async (backend) => {
      const model = await linnet.loadModel('/small/', { backend });
      const input = new Float32Array(48 * 48 * 3);
      const profile = await model.profile(input, 3);
      const refused = await model.profile(input, 0).catch((reason) => reason.code);
      await model.dispose();
      return { nodes: profile, macs: model.macs, error: refused };
    }, backend);
    assert.equal(error, 'InvalidArgument');
    for (const { op, kernel, ms, steps: count } of nodes) assert.ok(op !== '' && kernel.startsWith('GPU') && ms >= 0 && ms < 1e4 && count > 0);
    assert.ok(nodes.some(({ ms }) => ms > 0));
    assert.equal(nodes.reduce((sum, node) => sum + node.macs, 0), macs);
    assert.deepEqual(nodes[0].output, [1, 24, 24, 16]);
  });

for (const backend of ['webgpu', 'webgl2'])
  test(`weights of all storage types get to ${backend} without waiting in the engine's heap`, async () => {
    await compare('/products/', backend);
    const { peak, memory } = await page.evaluate(async (backend) => {
      const model = await linnet.loadModel('/products/', { backend });
      const { peakBytes } = await model.heap();
      const { weights } = model.memory();
      await model.dispose();
      return { peak: peakBytes, memory: weights };
    }, backend);
    const matrix = 4 * 256 * 256;
    assert.ok(memory >= 12 * matrix);
    assert.ok(peak < 3 * matrix, `the heap's peak is ${peak} bytes`);
  });

for (const backend of ['wasm', 'webgpu', 'webgl2'])
  test(`kept results become inputs on ${backend}`, async () => {
    const found = await page.evaluate(async (backend) => {
      const model = await linnet.loadModel('/loop/', { backend });
      const step = Float32Array.from({ length: 1030 }, (_, i) => i);
      let state = new Float32Array(1030).fill(1);
      for (let i = 0; i < 5; ++i) {
        const { next, product } = await model.runKept({ state, step });
        await product.dispose();
        if (i > 0) await state.dispose();
        state = next;
      }
      const { keptTensors: alive } = await model.heap();
      const read = [...(await state.read())];
      // Read back or not, it is the same tensor.
      const { product } = await model.run({ state, step });
      await state.dispose();
      const { keptTensors: left } = await model.heap();
      const gone = await state.read().catch((error) => error.code);
      const wrong = await model.run({ state: { ...state }, step }).catch((error) => error.code);
      await model.dispose();
      return { alive, left, read, product: [...product], gone, wrong, shape: state.shape };
    }, backend);
    assert.deepEqual(found.shape, [1, 1030]);
    assert.deepEqual([found.alive, found.left, found.gone, found.wrong], [1, 0, 'Disposed', 'TypeMismatch']);
    assert.deepEqual(found.read, Array.from({ length: 1030 }, (_, i) => 1 + 5 * i));
    assert.deepEqual(found.product, Array.from({ length: 1030 }, (_, i) => (1 + 6 * i) * i));
    assert.deepEqual(page.problems, []);
  });

for (const backend of ['wasm', 'webgpu', 'webgl2'])
  test(`images meet kept states on ${backend}`, async () => {
    const found = await page.evaluate(async (backend) => {
      const model = await linnet.loadModel('/sum/', { backend, image: { normalisation: 'raw', fit: 'stretch' } });
      const image = (k) => new ImageData(Uint8ClampedArray.from({ length: 64 }, (_, i) => (i % 4 === 3 ? 255 : (k * i) % 200)), 4, 4);
      const expected = new Float32Array(48).fill(1);
      const add = (k) => expected.forEach((_, i) => (expected[i] += (k * (4 * Math.floor(i / 3) + (i % 3))) % 200));
      const shown = [];
      let state = expected.slice();
      for (let k = 1; k < 6; ++k) {
        // What is asked for first is done first, whether or not the image has to be decoded.
        const source = k % 2 ? image(k) : await createImageBitmap(image(k));
        const next = model.runImageKept(source, { input: 'image', inputs: k % 3 ? { other: state } : state });
        void state.dispose?.();
        state = (await next).sum;
        add(k);
        shown.push((await state.read()).join() === expected.join());
      }
      const plain = await model.runImage(image(7), { input: 'image', inputs: state });
      add(7);
      shown.push(plain.sum.join() === expected.join());
      const codes = [await errorOf(() => model.runImage(image(1), { input: 'image' }))];
      // Given as an array it is there for the next image too.
      for (const options of [{ inputs: new Float32Array(48).fill(2) }, {}]) {
        const { sum } = await model.runImage(image(0), { input: 'image', ...options });
        shown.push(sum.every((value) => value === 2));
      }
      for (const inputs of [{ image: state }, { other: state, image: state }, { other: new Float32Array(5) }, {}])
        codes.push(await errorOf(() => model.runImageKept(image(1), { input: 'image', inputs })));
      await state.dispose();
      codes.push(await errorOf(() => model.runImageKept(image(1), { input: 'image', inputs: state })));
      const { keptTensors } = await model.heap();
      await model.dispose();
      return { shown, codes: codes.map(({ code }) => code), keptTensors };
    }, backend);
    assert.deepEqual(found.shown, Array(8).fill(true));
    assert.deepEqual(found.codes, [...Array(3).fill('InvalidArgument'), 'WrongSize', 'InvalidArgument', 'Disposed']);
    assert.equal(found.keptTensors, 0);
    assert.deepEqual(page.problems, []);
  });

for (const backend of ['webgpu', 'webgl2']) {
  test(`a small model gives on ${backend} what it gives on WebAssembly`, () => compare('/small/model.json', backend));

  for (const [precision, allowed] of [['f32', tolerance], ['f16', 1e-2]])
    test(`what ${backend} leaves to the engine reads and writes the tensors of the GPU in ${precision}`, async () => {
      await compare('/parts/model.json', backend, { precision, allowed });
      const onCpu = await page.evaluate(
        async (options) => {
          const model = await linnet.loadModel('/parts/', options);
          const nodes = await model.profile(new Float32Array(128), 1);
          await model.dispose();
          return nodes.filter(({ kernel }) => !kernel.startsWith('GPU')).map(({ op }) => op);
        },
        { backend, precision },
      );
      assert.deepEqual(onCpu, backend === 'webgl2' ? ['concat', 'pad', 'concat'] : ['pad']);
    });

  for (const name of ['mobilenet_v1_0.25_224', 'mobilenet_v2_1.0_224', 'squeezenet1.1_224']) {
    const skip = missing(join(modelsFolder, name));
    test(`${name} gives on ${backend} what it gives on WebAssembly`, { skip }, () => compare(`/models/${name}/model.json`, backend));
  }

  {
    const name = 'mobilenet_v1_0.25_224';
    const skip = missing(join(modelsFolder, name)) || missing(imagesFolder);
    test(`${name} sees in f16 on ${backend} what it sees in f32`, { skip }, async () => {
      const { images } = JSON.parse(readFileSync(join(imagesFolder, 'labels.json'), 'utf8'));
      const photos = Object.keys(images).sort().slice(0, photoCount);
      const [exact, half] = await page.evaluate(
        async ([url, names, backend]) => {
          const answers = [];
          for (const precision of ['f32', 'f16']) {
            const model = await linnet.loadModel(url, { backend, precision });
            const best = [];
            for (const photo of names) {
              const image = await (await fetch(`/photos/${photo}`)).blob();
              const scores = Object.values(await model.runImage(image))[0];
              best.push(scores.indexOf(scores.reduce((a, b) => Math.max(a, b))));
            }
            answers.push({ best, arena: model.memory().arena });
            await model.dispose();
          }
          return answers;
        },
        [`/models/${name}/model.json`, photos, backend],
      );
      assert.ok(half.arena < exact.arena);
      const same = half.best.filter((best, i) => best === exact.best[i]).length;
      assert.ok(same >= 0.99 * photos.length, `${same} of ${photos.length} photos are seen as the same`);
    });
  }

  // The engine's own answers are those of codes; on a GPU the same weights are floats.
  for (const [precision, ...flags] of [['fp16'], ['int8', '--calibrate', imagesFolder, '--limit', '4']]) {
    const model = join(modelsFolder, 'mobilenet_v1_0.25_224');
    const skip = missing(model) || missing(imagesFolder);
    test(`a model of ${precision} weights runs on ${backend} as in f32`, { skip }, async () => {
      const folder = join(made, backend, precision);
      mkdirSync(folder, { recursive: true });
      await linnet('quantize', model, `--${precision}`, ...flags, '-o', folder);
      const native = await nativeRun(folder, '--f32');
      const actual = await runInPage(page, `/made/${backend}/${precision}/model.json`, native.inputs, { backend }, 2);
      native.outputs.forEach(({ data, name }, i) => {
        const error = relativeError(actual.outputs[i].data, data);
        assert.ok(error <= tolerance, `${name} is off by ${error} of its range`);
      });
      assert.deepEqual(page.problems, []);
    });
  }
}
