// Kept tensors drawn on canvases in Chromium, against pixels computed here.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { canvasFlags, launch, modelDocuments } from './harness.mjs';
import * as pages from './ladder_pages.mjs';
import { echo, loop, noise, smallClassifier } from './small_models.mjs';

const [height, width] = [24, 33];
const shapes = {
  rgb: [1, height, width, 3],
  rgba: [height, width, 4],
  grey: [1, height, width, 1],
  plane: [height, width],
  scores: [1, height, width, 5],
  batch: [2, 4, 4, 3],
  two: [1, 4, 4, 2],
  list: [99],
};
let browser, server, page;
before(async () => {
  browser = await launch({ flags: canvasFlags });
  server = await pages.startLadderServer({
    ...Object.assign({}, ...Object.entries(shapes).map(([name, shape]) => modelDocuments(`/${name}`, loop(shape)))),
    ...modelDocuments('/echo', echo({ width, height })),
    ...modelDocuments('/whole', loop([1, height, width], 'DT_INT32')),
    ...modelDocuments('/classifier', smallClassifier({ size: 48 })),
  });
  page = await pages.openPage(browser, server);
  await page.evaluate(helpers);
});
after(async () => {
  await browser.close();
  await server.close();
});

// What the tests' pages can use.
function helpers() {
  // A model's output that is these elements, kept.
  globalThis.keep = async (model, elements) => {
    const [{ dtype }] = model.outputs;
    const type = dtype === 'i32' ? Int32Array : Float32Array;
    const { next, product } = await model.runKept({ state: type.from(elements), step: new type(elements.length) });
    await product.dispose();
    return next;
  };
  // The pixels that a canvas shows.
  globalThis.pixelsOf = (canvas) => {
    const flat = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    flat.drawImage(canvas, 0, 0);
    return [...flat.getImageData(0, 0, canvas.width, canvas.height).data];
  };
}

const inPage = (task, argument) => pages.inOpenPage(page, task, argument);

// Draws on a canvas without a context, and on a black one with a 2d context.
const drawn = (backend, name, elements, options) =>
  inPage(
    async ([backend, name, elements, options]) => {
      const model = await linnet.loadModel(`/${name}/`, { backend, threads: 1 });
      const tensor = await keep(model, elements);
      const alone = document.createElement('canvas');
      await tensor.draw(alone, options);
      const over = new OffscreenCanvas(alone.width, alone.height);
      over.getContext('2d').fillRect(0, 0, over.width, over.height);
      // Not awaited: what is asked for first is done first.
      const drawing = tensor.draw(over, options);
      await tensor.dispose();
      await drawing;
      const { keptTensors } = await model.heap();
      await model.dispose();
      return { size: [alone.width, alone.height], alone: pixelsOf(alone), over: pixelsOf(over), keptTensors };
    },
    [backend, name, [...elements], options],
  );

// Bytes drawn at random, and elements of a range that become them; some are beyond it.
function bytesIn([low, high], count, seed) {
  const bytes = noise(count, seed).map((value) => Math.min(255, Math.max(0, Math.round(value * 160 + 128))));
  const beyond = (byte) => (byte === 0 ? -40 : byte === 255 ? 40 : 0);
  const elements = bytes.map((byte, i) => low + ((byte + beyond(byte) + 0.3 * ((i % 3) - 1)) / 255) * (high - low));
  return { bytes, elements };
}

const pixels = height * width;
const blend = (palette, level) => {
  const place = (level * (palette.length - 1)) / 255;
  const [low, high] = [palette[Math.floor(place)], palette[Math.ceil(place)]];
  return [0, 1, 2, 3].map((c) => (low[c] ?? 255) + ((high[c] ?? 255) - (low[c] ?? 255)) * (place - Math.floor(place)));
};

// `expected` has a colour [red, green, blue, alpha] for each pixel. Transparent ones are compared over black.
function check({ size, alone, over, keptTensors }, expected, tolerance = 0) {
  assert.deepEqual([size, keptTensors], [[width, height], 0]);
  expected.forEach(([red, green, blue, alpha], i) => {
    const near = (actual, wanted, most) => assert.ok(Math.abs(actual - wanted) <= most, `pixel ${i}: ${actual} in place of ${wanted}`);
    near(alone[4 * i + 3], alpha, tolerance);
    [red, green, blue].forEach((value, c) => {
      if (alpha === 255) near(alone[4 * i + c], value, tolerance);
      near(over[4 * i + c], (value * alpha) / 255, alpha === 255 ? tolerance : 1);
    });
  });
}

for (const backend of ['wasm', 'webgpu', 'webgl2'])
  describe(`on ${backend}`, () => {
    for (const range of [undefined, [-1, 1], [255, 0]])
      test(`three channels are colours, of the range ${range}`, async () => {
        const { bytes, elements } = bytesIn(range ?? [0, 1], 3 * pixels, 3);
        const expected = Array.from({ length: pixels }, (_, i) => [...bytes.subarray(3 * i, 3 * i + 3), 255]);
        check(await drawn(backend, 'rgb', elements, range && { range }), expected);
      });

    test('a fourth is alpha', async () => {
      const { bytes, elements } = bytesIn([0, 1], 4 * pixels, 4);
      const expected = Array.from({ length: pixels }, (_, i) => [...bytes.subarray(4 * i, 4 * i + 4)]);
      check(await drawn(backend, 'rgba', elements), expected);
    });

    test('one is grey', async () => {
      const { bytes, elements } = bytesIn([0, 1], pixels, 5);
      for (const name of ['grey', 'plane'])
        check(await drawn(backend, name, elements), Array.from(bytes, (byte) => [byte, byte, byte, 255]));
    });

    test('a palette colours depths, and makes masks', async () => {
      const { bytes, elements } = bytesIn([2, 10], pixels, 6);
      for (const palette of [[[0, 0, 128], [0, 255, 0], [255, 128, 0]], [[10, 200, 30, 0], [10, 200, 30, 180]]]) {
        const expected = Array.from(bytes, (byte) => blend(palette, byte));
        check(await drawn(backend, 'grey', elements, { range: [2, 10], palette }), expected, 0.5);
      }
    });

    test('classes have colours', async () => {
      const palette = [[0, 0, 0, 0], [255, 0, 0], [0, 0, 255, 128]];
      const scores = noise(5 * pixels, 7);
      const best = Array.from({ length: pixels }, (_, i) => {
        const of = [...scores.subarray(5 * i, 5 * i + 5)];
        return of.indexOf(Math.max(...of));
      });
      const expected = best.map((index) => [...palette[index % 3], 255].slice(0, 4));
      const options = { classes: true, palette };
      check(await drawn(backend, 'scores', scores, options), expected);
      check(await drawn(backend, 'whole', best, options), expected);
      check(await drawn(backend, 'plane', best, options), expected);
    });

    test('whole numbers have levels', async () => {
      const values = Array.from({ length: pixels }, (_, i) => (i % 300) - 20);
      const byte = (value) => Math.min(255, Math.max(0, value));
      check(await drawn(backend, 'whole', values, { range: [0, 255] }), values.map((value) => [byte(value), byte(value), byte(value), 255]));
    });

    test('what cannot be drawn is refused, and hurts nothing', async () => {
      const told = await inPage(async (backend) => {
        const found = [];
        const refused = async (name, options, canvas = new OffscreenCanvas(1, 1)) => {
          const model = await linnet.loadModel(`/${name}/`, { backend, threads: 1 });
          const size = model.outputs[0].shape.reduce((product, extent) => product * extent, 1);
          const tensor = await keep(model, new Array(size).fill(1));
          const { code, message } = await errorOf(() => tensor.draw(canvas, options));
          await tensor.draw(new OffscreenCanvas(1, 1)).catch(() => {});
          if ((await tensor.read()).some((value) => value !== 1)) throw new Error('it has changed');
          await tensor.dispose();
          found.push(`${code}: ${message}`, (await errorOf(() => tensor.draw(new OffscreenCanvas(1, 1)))).code);
          await model.dispose();
        };
        const taken = new OffscreenCanvas(1, 1);
        taken.getContext('webgl2');
        const colour = [1, 2, 3];
        await refused('batch');
        await refused('two');
        await refused('list');
        await refused('rgb', { palette: [colour, colour] });
        await refused('rgb', { range: [1, 1] });
        await refused('rgb', { range: [0, NaN] });
        await refused('grey', { palette: [colour] });
        await refused('grey', { palette: [colour, [1, 2, 256]] });
        await refused('grey', { palette: 'red' });
        await refused('scores', { classes: true });
        await refused('rgb', { range: 7 });
        await refused('grey', {}, taken);
        await refused('grey', {}, null);
        return found;
      }, backend);
      const reasons = [/'next' of \[2,4,4,3\] is no image/, /has 2 channels/, /is no image/, /'next' has 3/, /1,1/, /0,NaN/, /2 to 256/, /2 to 256/, /2 to 256/, /need a palette/, /two different/, /a canvas/, /a canvas/];
      reasons.forEach((words, i) => {
        assert.match(told[2 * i], /^InvalidArgument/);
        assert.match(told[2 * i], words);
        assert.equal(told[2 * i + 1], 'Disposed');
      });
    });

    test('a picture goes in and comes out, and nothing is read back', async () => {
      const { same, read } = await inPage(async (backend) => {
        const model = await linnet.loadModel('/echo/', { backend, worker: false });
        let read = 0;
        for (const [{ prototype }, name] of [[GPUBuffer, 'mapAsync'], [WebGL2RenderingContext, 'getBufferSubData']]) {
          const original = prototype[name];
          prototype[name] = function (...given) {
            read += 1;
            return original.apply(this, given);
          };
        }
        const canvas = document.createElement('canvas');
        const same = [];
        for (let k = 1; k < 4; ++k) {
          const image = new ImageData(Uint8ClampedArray.from({ length: 4 * 33 * 24 }, (_, i) => (i % 4 === 3 ? 255 : (k * i * 7) % 256)), 33, 24);
          const { echo } = await model.runImageKept(await createImageBitmap(image), { fit: 'stretch' });
          await echo.draw(canvas);
          await echo.dispose();
          same.push(pixelsOf(canvas).join() === image.data.join());
        }
        await model.dispose();
        return { same, read };
      }, backend);
      assert.deepEqual(same, [true, true, true]);
      assert.equal(read, 0);
    });

    test('a calling thread draws too', async () => {
      const shown = await inPage(async (backend) => {
        const model = await linnet.loadModel('/grey/', { backend, worker: false });
        const canvas = document.createElement('canvas');
        await (await keep(model, Array.from({ length: 24 * 33 }, (_, i) => (i % 256) / 255))).draw(canvas);
        await model.dispose();
        return pixelsOf(canvas).filter((_, i) => i % 4 === 0);
      }, backend);
      assert.deepEqual(shown, Array.from({ length: pixels }, (_, i) => i % 256));
    });

    test('a canvas takes pictures of several models and sizes, and outlives them', async () => {
      const { shown, answers } = await inPage(async (backend) => {
        const canvas = document.createElement('canvas');
        const shown = [];
        const classifier = await linnet.loadModel('/classifier/', { backend, threads: 1 });
        const answers = [(await classifier.run(frame(1))).answers.join()];
        const beside = await linnet.loadModel('/grey/', { beside: classifier, threads: 1 });
        for (const [name, value] of [['/rgb/', 0.2], ['/grey/', 0.4], ['', 0.6]]) {
          const model = name ? await linnet.loadModel(name, { backend, threads: 1 }) : beside;
          const size = model.outputs[0].shape.reduce((product, extent) => product * extent, 1);
          await (await keep(model, new Array(size).fill(value))).draw(canvas);
          answers.push((await classifier.run(frame(1))).answers.join());
          await model.dispose();
          shown.push(pixelsOf(canvas)[0]);
        }
        const flat = new OffscreenCanvas(66, 48);
        flat.getContext('2d').imageSmoothingEnabled = false;
        const model = await linnet.loadModel('/grey/', { backend, threads: 1 });
        await (await keep(model, Array.from({ length: 24 * 33 }, (_, i) => (i % 33) / 255))).draw(flat);
        await model.dispose();
        shown.push(...pixelsOf(flat).filter((_, i) => i % 4 === 0).slice(0, 6));
        await classifier.dispose();
        return { shown, answers };
      }, backend);
      assert.deepEqual(shown, [51, 102, 153, 0, 0, 1, 1, 2, 2]);
      assert.deepEqual(new Set(answers).size, 1, 'drawing changed answers');
    });
  });

for (const backend of ['webgpu', 'webgl2'])
  test(`a canvas keeps its picture when ${backend} is lost, and takes the next one`, async () => {
    const { codes, shown } = await inPage(async (backend) => {
      const canvas = document.createElement('canvas');
      const shown = [];
      const codes = [];
      for (let k = 1; k <= 3; ++k) {
        const model = await load({ [backend]: { real: true } }, { location: '/grey/', backend });
        const tensor = await keep(model, new Array(24 * 33).fill(k / 255));
        await tensor.draw(canvas);
        shown.push(pixelsOf(canvas)[0]);
        orders.postMessage({ lose: backend });
        for (let i = 0; i < 500 && (await errorOf(() => model.heap())).code === 'none'; ++i) await new Promise((resolve) => setTimeout(resolve, 10));
        codes.push((await errorOf(() => tensor.draw(canvas))).code);
        shown.push(pixelsOf(canvas)[0]);
        await model.dispose();
      }
      return { codes, shown };
    }, backend);
    assert.deepEqual(codes, Array(3).fill('DeviceLost'));
    assert.deepEqual(shown, [1, 1, 2, 2, 3, 3]);
  });
