// Frames and bitmaps that a shader prepares on WebGPU in Chromium, against what the engine makes of them.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { imagesFolder, missing } from '../differential/linnet.mjs';
import { film } from './film.mjs';
import { canvasFlags, gpuFlags, launch, modelDocuments, openPackagePage, startServer } from './harness.mjs';
import * as ladder from './ladder_pages.mjs';
import { echo, smallClassifier, sum } from './small_models.mjs';

const models = { rgb: { width: 24, height: 17 }, grey: { width: 19, height: 30, channels: 1 }, camera: { width: 224, height: 224 } };
const documents = Object.assign(modelDocuments('/sum', sum()), modelDocuments('/small', smallClassifier()), ...Object.entries(models).map(([name, size]) => modelDocuments(`/${name}`, echo(size))));

// What the pages of these tests can use.
function helpers() {
  globalThis.loaded = async (name) => {
    const [gpu, cpu] = await Promise.all(['webgpu', 'wasm'].map((backend) => linnet.loadModel(`/${name}/`, { backend, prepareOn: 'gpu', threads: 1, variant: 'simd' })));
    return { gpu, cpu };
  };
  // Bytes that are the same every time.
  globalThis.noise = (length, seed) => {
    let state = seed;
    return new Uint8Array(length).map(() => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >> 16);
  };
  // A model in this thread, where what it calls of the browser can be replaced.
  globalThis.local = (name, options = {}) => linnet.loadModel(`/${name}/`, { backend: 'webgpu', prepareOn: 'gpu', worker: false, threads: 1, variant: 'simd', ...options });
  globalThis.replaced = async (prototype, name, make, task) => {
    const original = prototype[name];
    prototype[name] = make(original);
    try {
      return await task();
    } finally {
      prototype[name] = original;
    }
  };
  globalThis.opaque = (rgba) => rgba.map((value, i) => (i % 4 === 3 ? 255 : value));
  // What is no alpha may have any value.
  globalThis.rgb = (format, width, height, init = {}) =>
    new VideoFrame(noise(4 * width * height, 7), { format, codedWidth: width, codedHeight: height, timestamp: 0, ...init });
  // As smooth as pictures are, in colours that no conversion clamps.
  globalThis.yuv = (format, width, height, init = {}) => {
    const wave = (x, y, phase) => Math.sin(x / 9 + phase) + Math.sin(y / 7 + 2 * phase);
    const bytes = [];
    for (let y = 0; y < height; ++y) for (let x = 0; x < width; ++x) bytes.push(128 + 25 * wave(x, y, 0));
    const chroma = [1, 2].map((phase) => {
      const plane = [];
      for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) plane.push(128 + 14 * wave(x, y, phase));
      return plane;
    });
    if (format === 'NV12') chroma[0].forEach((u, i) => bytes.push(u, chroma[1][i]));
    else for (const plane of chroma) for (const value of plane) bytes.push(value);
    return new VideoFrame(Uint8Array.from(bytes), { format, codedWidth: width, codedHeight: height, timestamp: 0, ...init });
  };
  // `make` gives the same image twice, which are handed over. Differences are in steps of 8 bits.
  globalThis.compare = async ({ gpu, cpu }, make, options = {}) => {
    const [actual] = Object.values(await gpu.runImage(await make(), options));
    const { preparedOn } = gpu.timing;
    const [expected] = Object.values(await cpu.runImage(await make(), options));
    const step = { pm1: 1 / 127.5, raw: 1, imagenet: 1 / 57 }[options.normalisation] ?? 1 / 255;
    const off = [...expected].map((value, i) => Math.abs(value - actual[i]) / step);
    return { preparedOn, most: off.reduce((a, b) => Math.max(a, b)), mean: off.reduce((a, b) => a + b) / off.length, sum: expected.reduce((a, b) => a + b) };
  };
}

const folder = mkdtempSync(join(tmpdir(), 'linnet-frames-'));
let browser, server, page;
before(async () => {
  browser = await launch({ flags: canvasFlags });
  server = await startServer({ documents });
  page = await openPackagePage(browser, server.url);
  await page.evaluate(helpers);
});
after(async () => {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

// The order of the sums and products of the normalisation aside, these are the same.
const exact = 1e-3;

for (const name of ['rgb', 'grey'])
  test(`opaque frames become the same ${name} input, whatever the options`, async () => {
    const found = await page.evaluate(async (name) => {
      const pair = await loaded(name);
      const own = { mean: [0.2, 0.3, 0.4], deviation: [0.5, 1, 2] };
      const results = [];
      for (const fit of ['crop', 'stretch', 'letterbox'])
        for (const [width, height] of [[97, 61], [12, 40], [640, 360], [1, 1]])
          for (const [format, normalisation] of [['RGBX', 'raw'], ['BGRX', 'pm1'], ['RGBX', 'imagenet'], ['RGBX', own]]) {
            const options = { fit, crop: 0.7, normalisation };
            results.push({ fit, width, height, ...(await compare(pair, () => rgb(format, width, height), options)) });
          }
      await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
      return results;
    }, name);
    for (const each of found) {
      assert.equal(each.preparedOn, 'gpu', JSON.stringify(each));
      assert.ok(each.most <= exact, JSON.stringify(each));
    }
    assert.ok(found.some(({ sum }) => sum > 100));
    assert.deepEqual(page.problems, []);
  });

test('bitmaps become the same input, transparent ones too', async () => {
  const found = await page.evaluate(async () => {
    const pair = await loaded('rgb');
    const picture = new ImageData(new Uint8ClampedArray(opaque(noise(4 * 90 * 50, 3))), 90, 50);
    const canvas = new OffscreenCanvas(33, 44);
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgb(200, 100, 50)';
    context.fillRect(3, 4, 20, 30);
    const results = [];
    for (const make of [() => createImageBitmap(picture), () => createImageBitmap(canvas)])
      for (const fit of ['crop', 'letterbox']) results.push(await compare(pair, make, { fit, normalisation: 'raw' }));
    // What shines through comes without its alpha, which a canvas and a GPU round differently; colours that do not show are black.
    const through = new ImageData(new Uint8ClampedArray(noise(4 * 24 * 17, 3).map((value, i) => (i % 32 === 3 ? 0 : value))), 24, 17);
    const blended = [];
    for (const premultiplyAlpha of ['none', 'premultiply'])
      blended.push(await compare(pair, () => createImageBitmap(through, { premultiplyAlpha }), { fit: 'stretch', normalisation: 'raw' }));
    await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
    return { results, blended };
  });
  for (const each of found.results) assert.ok(each.preparedOn === 'gpu' && each.sum > 100 && each.most <= exact, JSON.stringify(each));
  for (const each of found.blended) assert.ok(each.preparedOn === 'gpu' && each.sum > 100 && each.most <= 1 + exact, JSON.stringify(each));
});

test('frames are cropped to their visible part', async () => {
  const found = await page.evaluate(async () => {
    const pair = await loaded('rgb');
    const visibleRect = { x: 4, y: 6, width: 30, height: 28 };
    const results = [];
    for (const fit of ['crop', 'stretch', 'letterbox'])
      for (const make of [() => rgb('RGBX', 48, 40, { visibleRect }), () => yuv('I420', 48, 40, { visibleRect })])
        results.push(await compare(pair, make, { fit, crop: 0.7, normalisation: 'raw' }));
    await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
    return results;
  });
  found.forEach((each, i) => {
    assert.ok(each.preparedOn === 'gpu' && each.sum > 100, JSON.stringify(each));
    assert.ok(each.most <= (i % 2 ? 4 : exact), JSON.stringify(each));
  });
});

// The browser's conversion to RGB is its own: coarser coefficients, chroma taken to the full size first, and other primaries
// turned into those of sRGB.
const colourSpaces = [
  { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: false },
  { matrix: 'bt709', primaries: 'bt709', transfer: 'iec61966-2-1', fullRange: true },
  { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m', fullRange: false },
  { matrix: 'bt470bg', primaries: 'bt470bg', transfer: 'bt709', fullRange: true },
];
for (const format of ['I420', 'NV12'])
  test(`${format} frames become nearly the same input`, async (t) => {
    const found = await page.evaluate(
      async ([format, spaces]) => {
        const pair = await loaded('rgb');
        const results = [];
        for (const colorSpace of spaces) {
          const make = () => yuv(format, 640, 360, { colorSpace });
          results.push({ ...colorSpace, ...(await compare(pair, make, { normalisation: 'raw' })) });
        }
        await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
        return results;
      },
      [format, colourSpaces],
    );
    for (const each of found) {
      t.diagnostic(`${each.matrix}, ${each.fullRange ? 'full' : 'limited'} range: at most ${each.most} steps, ${each.mean.toFixed(2)} in the mean`);
      assert.equal(each.preparedOn, 'gpu');
      assert.ok(each.most <= 4 && each.mean <= 1, JSON.stringify(each));
    }
    assert.deepEqual(page.problems, []);
  });

test('frames meet kept states without leaving the GPU', async () => {
  const found = await page.evaluate(async () => {
    const { gpu, cpu } = await loaded('sum');
    const ones = { image: new Float32Array(48).fill(1), other: new Float32Array(48).fill(1) };
    const inTurn = [];
    const results = [];
    for (const model of [gpu, cpu]) {
      let { sum: state } = await model.runKept(ones);
      for (const input of ['image', 'other', 'image']) {
        const other = input === 'image' ? 'other' : 'image';
        const next = await model.runImageKept(rgb('RGBX', 30, 20), { input, inputs: { [other]: state }, normalisation: 'raw' });
        if (model === gpu) inTurn.push(model.timing.preparedOn);
        await state.dispose();
        state = next.sum;
      }
      results.push([...(await state.read())]);
    }
    // An image that fills an input beside arrays is there for the next one too, so memory has to see it.
    const beside = [];
    for (const model of [gpu, cpu]) {
      await model.run(ones);
      await model.runImage(rgb('RGBX', 30, 20), { input: 'image', normalisation: 'raw' });
      const { sum } = await model.runImage(rgb('RGBX', 30, 20), { input: 'other', normalisation: 'raw' });
      beside.push([...sum]);
    }
    await Promise.all([gpu.dispose(), cpu.dispose()]);
    return { inTurn, results, beside };
  });
  assert.deepEqual(found.inTurn, ['gpu', 'gpu', 'gpu']);
  assert.ok(found.results[1].some((value) => value > 300));
  assert.deepEqual(found.results[0], found.results[1]);
  assert.deepEqual(found.beside[0], found.beside[1]);
});

test('frames go into a plan of halves as well', async () => {
  const found = await page.evaluate(async () => {
    const answers = [];
    for (const [backend, precision] of [['wasm', 'f32'], ['webgpu', 'f32'], ['webgpu', 'f16']]) {
      const model = await linnet.loadModel('/small/', { backend, precision, prepareOn: 'gpu', threads: 1, variant: 'simd' });
      const { answers: scores } = await model.runImage(rgb('RGBX', 90, 70), { normalisation: 'pm1' });
      answers.push({ scores: [...scores], arena: model.memory().arena, preparedOn: model.timing.preparedOn });
      await model.dispose();
    }
    return answers;
  });
  const [wasm, full, half] = found;
  assert.deepEqual([wasm, full, half].map(({ preparedOn }) => preparedOn), ['cpu', 'gpu', 'gpu']);
  assert.ok(half.arena < full.arena);
  const off = ({ scores }) => Math.max(...scores.map((score, i) => Math.abs(score - wasm.scores[i]))) / Math.max(...wasm.scores);
  assert.ok(off(full) < 1e-4, `f32 is off by ${off(full)}`);
  assert.ok(off(half) < 1e-2, `f16 is off by ${off(half)}`);
});

test('what the shader does not take goes through the engine', async () => {
  const found = await page.evaluate(async () => {
    const pair = await loaded('rgb');
    const makes = {
      turned: () => yuv('I420', 64, 48, { rotation: 90 }),
      stretched: () => yuv('I420', 64, 48, { displayWidth: 128, displayHeight: 48 }),
      alpha: () => rgb('RGBA', 64, 48),
      // The browser scales these down first, but not planes of less than 16 MB.
      long: () => rgb('RGBX', 2049, 16),
      wide: () => createImageBitmap(new ImageData(new Uint8ClampedArray(opaque(noise(4 * 2049 * 16, 5))), 2049)),
      data: () => new ImageData(new Uint8ClampedArray(opaque(noise(4 * 64 * 48, 5))), 64),
    };
    const results = [];
    for (const [what, make] of Object.entries(makes)) results.push({ what, ...(await compare(pair, make)) });
    const planes = await compare(pair, () => yuv('I420', 2100, 32));
    const wrong = await errorOf(() => pair.gpu.runImage(rgb('RGBX', 8, 8), { fit: 'tight' }));
    const array = new Float32Array(24 * 17 * 3).fill(3);
    const after = await pair.gpu.runImage(rgb('RGBX', 8, 8)).then(() => pair.gpu.run(array));
    const figures = { wrong: wrong.code, after: Object.values(after)[0].every((value) => value === 3), timing: pair.gpu.timing };
    await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
    return { results, planes, ...figures };
  });
  for (const each of found.results) assert.ok(each.preparedOn === 'cpu' && each.most <= exact, JSON.stringify(each));
  assert.ok(found.planes.preparedOn === 'gpu' && found.planes.most <= 4, JSON.stringify(found.planes));
  assert.equal(found.wrong, 'InvalidArgument');
  assert.ok(found.after, 'an array is not filled from the last frame');
  assert.deepEqual([found.timing.preparedOn, found.timing.prepare], [null, 0]);
});

test('the next frames of a kind allocate nothing in the engine, and are closed', async () => {
  const found = await page.evaluate(async () => {
    const model = await local('camera');
    await model.runImage(yuv('NV12', 640, 480));
    const before = await model.heap();
    const seen = [];
    for (let i = 0; i < 5; ++i) {
      const frame = yuv('NV12', 640, 480);
      const open = frame.codedWidth;
      await model.runImage(frame);
      seen.push([open, frame.codedWidth, model.timing.preparedOn]);
    }
    const after = await model.heap();
    await model.dispose();
    return { grown: after.allocations - before.allocations, seen };
  });
  assert.equal(found.grown, 0);
  assert.deepEqual(found.seen, Array(5).fill([640, 0, 'gpu']));
});

test('a few kinds of images take turns without being made anew', async () => {
  const found = await page.evaluate(async () => {
    const [model, exact] = await Promise.all([local('rgb'), linnet.loadModel('/rgb/', { backend: 'wasm', threads: 1, variant: 'simd' })]);
    const counts = { buffers: 0, gone: 0, instances: 0 };
    const counted = (key) => (original) => function (...given) {
      counts[key] += 1;
      return original.apply(this, given);
    };
    const sizes = [[40, 30], [50, 30], [60, 30], [70, 30]];
    const seen = [];
    const turn = async (count) => {
      for (const [width, height] of sizes.slice(0, count)) seen.push(await compare({ gpu: model, cpu: exact }, () => rgb('RGBX', width, height), { normalisation: 'raw' }));
      return { ...counts };
    };
    const told = await replaced(GPUDevice.prototype, 'createBuffer', counted('buffers'), () =>
      replaced(GPUBuffer.prototype, 'destroy', counted('gone'), () =>
        replaced(WebAssembly, 'instantiate', counted('instances'), async () => [await turn(3), await turn(3), await turn(3), await turn(4), await turn(1)]),
      ),
    );
    await Promise.all([model.dispose(), exact.dispose()]);
    return { told, seen };
  });
  const [first, second, third, fourth, last] = found.told;
  assert.deepEqual(first, { buffers: 6, gone: 0, instances: 1 });
  assert.deepEqual([second, third], [first, first]);
  // The fourth has the first one of three go, which then comes back.
  assert.deepEqual(fourth, { buffers: 8, gone: 2, instances: 1 });
  assert.deepEqual(last, { buffers: 10, gone: 4, instances: 1 });
  for (const each of found.seen) assert.ok(each.preparedOn === 'gpu' && each.sum > 100 && each.most <= exact, JSON.stringify(each));
});

test('frames that come to the GPU but not to a shader are prepared by the engine, and hurt no model', async () => {
  const found = await page.evaluate(async () => {
    const [model, exact] = await Promise.all([local('rgb'), linnet.loadModel('/rgb/', { backend: 'wasm', threads: 1, variant: 'simd' })]);
    const beside = await linnet.loadModel('/small/', { beside: model });
    const input = new Float32Array(beside.inputs[0].shape.reduce((a, b) => a * b)).fill(0.5);
    const before = [...(await beside.run(input)).answers];
    // Makes an object that the device reports as invalid, and throws nothing.
    const broken = (original) => function (given) {
      const isImage = given.entries[0].resource instanceof GPUExternalTexture;
      return original.call(this, isImage ? { ...given, entries: [] } : given);
    };
    const seen = [];
    const see = async (width) => seen.push(await compare({ gpu: model, cpu: exact }, () => rgb('RGBX', width, 30), { normalisation: 'raw' }));
    await replaced(GPUDevice.prototype, 'createBindGroup', broken, async () => {
      await see(40);
      await see(40);
    });
    await see(50);
    const after = [...(await beside.run(input)).answers];
    await Promise.all([model, beside, exact].map((each) => each.dispose()));
    return { seen, same: after.join() === before.join() };
  });
  assert.deepEqual(found.seen.map(({ preparedOn }) => preparedOn), ['cpu', 'cpu', 'gpu']);
  for (const each of found.seen) assert.ok(each.sum > 100 && each.most <= exact, JSON.stringify(each));
  assert.ok(found.same, 'the model beside answers as before');
  assert.deepEqual(page.problems, []);
});

test('a frame whose run does not start is in no later run', async () => {
  const found = await page.evaluate(async () => {
    const model = await local('rgb');
    await model.runImage(rgb('RGBX', 40, 30));
    // Such as a result for which there is no memory.
    const scarce = () => {
      throw new linnet.LinnetError('OutOfMemory', 'of this test');
    };
    const { code } = await errorOf(() => replaced(GPUDevice.prototype, 'createCommandEncoder', () => scarce, () => model.runImage(rgb('RGBX', 40, 30))));
    const array = new Float32Array(24 * 17 * 3).fill(3);
    const values = Object.values(await model.run(array))[0];
    await model.dispose();
    return { code, same: values.every((value) => value === 3) };
  });
  assert.deepEqual(found, { code: 'OutOfMemory', same: true });
  assert.deepEqual(page.problems, []);
});

test('images are prepared where the options say, by default in the engine beside an emulated GPU', async () => {
  const found = await page.evaluate(async () => {
    const seen = {};
    for (const prepareOn of [undefined, 'auto', 'cpu', 'gpu']) {
      const model = await local('rgb', { prepareOn });
      await model.runImage(rgb('RGBX', 40, 30));
      seen[prepareOn] = model.timing.preparedOn;
      await model.dispose();
    }
    const { code, message } = await errorOf(() => local('rgb', { prepareOn: 'tpu' }));
    return { seen, code, message };
  });
  assert.deepEqual(found.seen, { undefined: 'cpu', auto: 'cpu', cpu: 'cpu', gpu: 'gpu' });
  assert.equal(found.code, 'InvalidArgument');
  assert.match(found.message, /prepareOn is 'tpu'; use auto, cpu or gpu/);
});

test('the ladder has WebGPU prepare frames, and WASM where that is lost', async () => {
  const rungs = await ladder.startLadderServer();
  try {
    const found = await ladder.inPage(browser, rungs, async () => {
      const bytes = new Uint8Array(64 * 48 * 4).map((_, i) => (i % 4 === 3 ? 255 : (i * 37) % 251));
      const frame = () => new VideoFrame(bytes, { format: 'RGBX', codedWidth: 64, codedHeight: 48, timestamp: 0 });
      const wasm = await linnet.loadModel('/small/', { backend: 'wasm', threads: 1, variant: 'simd' });
      const expected = (await wasm.runImage(frame())).answers;
      const model = await load({ wasm: { run: 1000 }, webgpu: { real: true, run: 1 } }, { backends: ['webgpu'], prepareOn: 'gpu', recovery: { rebuilds: 0 } });
      const seen = [];
      const see = async () => {
        const { answers } = await model.runImage(frame());
        seen.push([model.timing.preparedOn, near(answers, expected)]);
      };
      await see();
      await decided(model);
      await until(() => model.backend === 'webgpu', 'WebGPU answers');
      for (let i = 0; i < 3; ++i) await see();
      orders.postMessage({ lose: 'webgpu' });
      await until(() => model.choice.rungs.webgpu.losses === 1, 'the loss is counted');
      await see();
      await Promise.all([wasm.dispose(), model.dispose()]);
      return seen;
    });
    assert.deepEqual(found, ['cpu', 'gpu', 'gpu', 'gpu', 'cpu'].map((place) => [place, true]));
  } finally {
    await rungs.close();
  }
});

test('the ladder takes what frames need to be prepared for no drift', async () => {
  const rungs = await ladder.startLadderServer();
  try {
    const found = await ladder.inPage(browser, rungs, async () => {
      const { now } = performance;
      let ahead = 0;
      performance.now = () => now.call(performance) + ahead;
      const bytes = new Uint8Array(48 * 48 * 4);
      const frame = () => new VideoFrame(bytes, { format: 'RGBX', codedWidth: 48, codedHeight: 48, timestamp: 0 });
      const options = { backends: ['webgpu'], prepareOn: 'gpu', remember: false };
      const model = await load({ wasm: { run: 1000 }, webgpu: { real: true, run: 10, prepare: 30 } }, options);
      await decided(model);
      await until(() => model.backend === 'webgpu', 'WebGPU answers');
      const places = new Set();
      // As many as it looks at, and again after longer than it waits before it measures anew.
      for (let i = 0; i < 130; ++i) {
        if (i === 65) ahead = 1e6;
        await model.runImage(frame());
        places.add(model.timing.preparedOn);
      }
      const { validations, rungs } = model.choice;
      await model.dispose();
      return { places: [...places], validations, median: rungs.webgpu.median };
    });
    assert.deepEqual(found, { places: ['gpu'], validations: 0, median: 10 });
  } finally {
    await rungs.close();
  }
});

test('a browser that cannot import frames has the engine prepare them', async () => {
  const other = await launch({ flags: gpuFlags });
  try {
    const elsewhere = await openPackagePage(other, server.url);
    await elsewhere.evaluate(helpers);
    const found = await elsewhere.evaluate(async () => {
      const pair = await loaded('rgb');
      const results = [];
      for (let i = 0; i < 2; ++i) results.push(await compare(pair, () => yuv('I420', 64, 48)));
      await Promise.all([pair.gpu.dispose(), pair.cpu.dispose()]);
      return results;
    });
    for (const each of found) assert.ok(each.preparedOn === 'cpu' && each.most <= exact, JSON.stringify(each));
    assert.deepEqual(elsewhere.problems, []);
  } finally {
    await other.close();
  }
});

test('a film from the camera becomes nearly the same input', { skip: missing(imagesFolder) }, async (t) => {
  const [photo] = readdirSync(imagesFolder).filter((name) => name.endsWith('.JPEG') || name.endsWith('.jpg')).sort();
  const pixels = await page.evaluate(async (url) => {
    const picture = await createImageBitmap(await (await fetch(url)).blob(), { resizeWidth: 1280, resizeHeight: 720 });
    const context = new OffscreenCanvas(1280, 720).getContext('2d');
    context.drawImage(picture, 0, 0);
    return toBase64(new Uint8Array(context.getImageData(0, 0, 1280, 720).data.buffer));
  }, `/photos/${photo}`);
  const camera = join(folder, 'photo.y4m');
  writeFileSync(camera, film([{ rgba: Buffer.from(pixels, 'base64'), times: 10 }], 1280, 720));
  const watching = await launch({ flags: canvasFlags, camera });
  try {
    const watcher = await openPackagePage(watching, server.url);
    await watcher.evaluate(helpers);
    const found = await watcher.evaluate(async () => {
      const pair = await loaded('camera');
      const video = document.createElement('video');
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
      await video.play();
      const frame = new VideoFrame(video);
      const { format, displayWidth, displayHeight, colorSpace } = frame;
      const results = await compare(pair, () => frame.clone(), { normalisation: 'raw' });
      frame.close();
      return { format, displayWidth, displayHeight, matrix: colorSpace.matrix, primaries: colorSpace.primaries, fullRange: colorSpace.fullRange, ...results };
    });
    t.diagnostic(JSON.stringify(found));
    assert.equal(found.preparedOn, 'gpu');
    assert.ok(found.most <= 16 && found.mean <= 0.6, JSON.stringify(found));
  } finally {
    await watching.close();
  }
});
