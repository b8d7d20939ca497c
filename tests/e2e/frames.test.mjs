// Camera frames in Chromium: what the engine makes of a VideoFrame's planes, against the standards' formulas.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, modelDocuments, openPackagePage, startServer } from './harness.mjs';
import { echo, noise } from './small_models.mjs';

const out = { width: 10, height: 7 };
const raw = { normalisation: 'raw', fit: 'stretch' };

let browser, server, page;
before(async () => {
  browser = await launch();
  server = await startServer({ documents: modelDocuments('/echo', echo({ ...out, metadata: raw })) });
  page = await openPackagePage(browser, server.url);
  await page.evaluate(async () => {
    globalThis.model = await linnet.loadModel('/echo/', { threads: 1 });
    // In this thread frames are not transferred, so that it can be seen whether they are closed.
    globalThis.local = await linnet.loadModel('/echo/', { threads: 1, worker: false });
  });
});
after(async () => {
  await browser.close();
  await server.close();
});

/** The planes of a frame, one after the other: mid-range colours, which no conversion clamps. */
function planesOf(format, width, height) {
  const half = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const sizes = {
    I420: [[width, height], half, half],
    NV12: [[width, height], [2 * half[0], half[1]]],
    I422: [[width, height], [half[0], height], [half[0], height]],
    I444: [[width, height], [width, height], [width, height]],
    I420A: [[width, height], half, half, [width, height]],
  }[format];
  return sizes.map(([columns, rows], plane) => {
    const values = noise(columns * rows, 31 * plane + 5);
    const byte = plane === 0 ? (value) => 128 + 40 * value : plane === 3 ? () => 255 : (value) => 128 + 16 * value;
    return { columns, rows, data: Uint8Array.from(values, byte) };
  });
}

/**
 * A plane's value at an output: a triangle over the box, `by` pixels of the image to a sample, `step` bytes from one to the
 * next.
 */
function resized({ columns, data }, offset, step, by, box, x, y) {
  const tent = (sample, begin, length, size, i) => {
    const scale = length / by / size;
    return Math.max(0, 1 - Math.abs(sample + 0.5 - begin / by - (i + 0.5) * scale) / Math.max(1, scale));
  };
  let sum = 0;
  let weights = 0;
  for (let v = Math.floor(box.y / by); v < (box.y + box.height) / by; ++v) {
    for (let u = Math.floor(box.x / by); u < (box.x + box.width) / by; ++u) {
      const weight = tent(u, box.x, box.width, out.width, x) * tent(v, box.y, box.height, out.height, y);
      sum += weight * data[v * columns + offset + step * u];
      weights += weight;
    }
  }
  return sum / weights;
}

function toRgb([y, u, v], { matrix, fullRange }) {
  const [red, blue] = matrix === 'bt709' ? [0.2126, 0.0722] : [0.299, 0.114];
  const luma = fullRange ? y : ((y - 16) * 255) / 219;
  const [cb, cr] = [u, v].map((chroma) => (chroma - 128) * (fullRange ? 1 : 255 / 224));
  const r = luma + 2 * (1 - red) * cr;
  const b = luma + 2 * (1 - blue) * cb;
  return [r, (luma - red * r - blue * b) / (1 - red - blue), b];
}

function expectedOf(format, planes, box, colours) {
  const values = [];
  for (let y = 0; y < out.height; ++y) {
    for (let x = 0; x < out.width; ++x) {
      const chroma = format === 'NV12' ? [[planes[1], 0], [planes[1], 1]] : [[planes[1], 0], [planes[2], 0]];
      const yuv = [resized(planes[0], 0, 1, 1, box, x, y)];
      for (const [plane, offset] of chroma) yuv.push(resized(plane, offset, format === 'NV12' ? 2 : 1, 2, box, x, y));
      values.push(...toRgb(yuv, colours));
    }
  }
  return values;
}

/** What the model gives back for a frame, and whether the frame was closed. */
function answerInPage(format, planes, init, options = {}) {
  const bytes = Buffer.concat(planes.map(({ data }) => data)).toString('base64');
  return page.evaluate(
    async ([text, given, more]) => {
      const { visibleRect: part, ...init } = given;
      const whole = new VideoFrame(fromBase64(text), { timestamp: 0, ...init });
      const frame = part ? new VideoFrame(whole, { visibleRect: part }) : whole;
      if (part) whole.close();
      const { format, visibleRect, displayWidth, displayHeight, colorSpace } = frame;
      const { matrix, fullRange } = colorSpace;
      const outputs = await local.runImage(frame, more);
      return {
        values: [...outputs.echo],
        seen: { format, matrix, fullRange, x: visibleRect.x, y: visibleRect.y, displayWidth, displayHeight },
        closed: frame.codedWidth === 0,
      };
    },
    [bytes, { format, ...init }, options],
  );
}

// Half a step of luma and of a chroma in the vertical direction, magnified by the matrix, and half a step of the result.
const tolerance = 0.5 * 1.165 + 0.5 * 2.113 + 0.6;

function assertClose(actual, expected, most, what) {
  assert.equal(actual.length, expected.length);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));
  assert.ok(worst <= most, `${what}: off by ${worst}`);
}

const colourSpaces = [
  { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: false },
  { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: true },
  { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m', fullRange: false },
  { matrix: 'bt470bg', primaries: 'bt470bg', transfer: 'bt709', fullRange: true },
];

for (const format of ['I420', 'NV12']) {
  for (const [width, height] of [[40, 26], [16, 16], [33, 21], [6, 4]]) {
    test(`${format} frames of ${width} x ${height} follow their colour space`, async () => {
      const planes = planesOf(format, width, height);
      const whole = { x: 0, y: 0, width, height };
      for (const colorSpace of colourSpaces) {
        const { values, closed, seen } = await answerInPage(format, planes, { codedWidth: width, codedHeight: height, colorSpace });
        assert.deepEqual([seen.format, seen.matrix, seen.fullRange], [format, colorSpace.matrix, colorSpace.fullRange]);
        assertClose(values, expectedOf(format, planes, whole, colorSpace), tolerance, JSON.stringify(colorSpace));
        assert.ok(closed, 'the frame is still open');
      }
    });
  }

  test(`${format} frames without a colour space have that of BT.709`, async () => {
    const planes = planesOf(format, 20, 14);
    const { values } = await answerInPage(format, planes, { codedWidth: 20, codedHeight: 14 });
    assertClose(values, expectedOf(format, planes, { x: 0, y: 0, width: 20, height: 14 }, colourSpaces[0]), tolerance, format);
  });

  test(`${format} frames are cropped to their visible part, and then by the fit`, async () => {
    const planes = planesOf(format, 48, 40);
    const visibleRect = { x: 4, y: 6, width: 30, height: 28 };
    const { values, seen } = await answerInPage(format, planes, { codedWidth: 48, codedHeight: 40, visibleRect });
    assert.deepEqual([seen.x, seen.y, seen.displayWidth, seen.displayHeight], [4, 6, 30, 28]);
    assertClose(values, expectedOf(format, planes, visibleRect, colourSpaces[0]), tolerance, 'visible part');
    // The box of 10:7 is 30 x 21, half of it 15 x 11, from (7, 8) of the visible part.
    const cropped = await answerInPage(format, planes, { codedWidth: 48, codedHeight: 40, visibleRect }, { fit: 'crop', crop: 0.5 });
    const box = { x: 4 + 7, y: 6 + 8, width: 15, height: 11 };
    assertClose(cropped.values, expectedOf(format, planes, box, colourSpaces[0]), tolerance, 'crop');
  });
}

for (const format of ['RGBX', 'BGRX'])
  test(`${format} frames have no alpha, whatever their fourth byte`, async () => {
    for (const visibleRect of [{ x: 0, y: 0, width: 48, height: 40 }, { x: 3, y: 5, width: 31, height: 27 }]) {
      const data = Uint8Array.from(noise(4 * 48 * 40, 9), (value) => 128 + 120 * value);
      const { values, seen, closed } = await answerInPage(format, [{ data }], { codedWidth: 48, codedHeight: 40, visibleRect });
      assert.deepEqual([seen.format, seen.x, seen.y], [format, visibleRect.x, visibleRect.y]);
      const expected = [];
      for (let y = 0; y < out.height; ++y)
        for (let x = 0; x < out.width; ++x)
          for (let c = 0; c < 3; ++c) expected.push(resized({ columns: 4 * 48, data }, format === 'RGBX' ? c : 2 - c, 4, 1, visibleRect, x, y));
      assertClose(values, expected, 1.1, JSON.stringify(visibleRect));
      assert.ok(closed, 'the frame is still open');
    }
  });

// Pixels of four bytes, as a frame of this rotation and flip shows them.
function shown(data, { x, y, width, height }, columns, { rotation = 0, flip = false }) {
  const turned = rotation % 180 !== 0;
  const [w, h] = turned ? [height, width] : [width, height];
  const pixels = new Uint8Array(4 * w * h);
  for (let v = 0; v < h; ++v) {
    for (let u = 0; u < w; ++u) {
      const across = flip ? w - 1 - u : u;
      const [i, j] = { 0: [across, v], 90: [v, height - 1 - across], 180: [width - 1 - across, height - 1 - v], 270: [width - 1 - v, across] }[rotation];
      pixels.set(data.subarray(4 * ((y + j) * columns + x + i)).subarray(0, 4), 4 * (v * w + u));
    }
  }
  return { pixels, box: { x: 0, y: 0, width: w, height: h } };
}

for (const format of ['RGBX', 'BGRX']) {
  // A fourth byte of any value, often 0.
  const bytes = (count) => Uint8Array.from(noise(4 * count, 9), (value, i) => (i % 4 === 3 ? Math.max(0, 255 * value) : 128 + 120 * value));

  test(`${format} frames that are turned have no alpha either`, async () => {
    const data = bytes(48 * 40);
    for (const visibleRect of [{ x: 0, y: 0, width: 48, height: 40 }, { x: 3, y: 5, width: 31, height: 27 }])
      for (const how of [{ rotation: 90 }, { rotation: 180 }, { rotation: 270 }, { flip: true }, { rotation: 180, flip: true }]) {
        const { values, seen, closed } = await answerInPage(format, [{ data }], { codedWidth: 48, codedHeight: 40, visibleRect, ...how });
        const { pixels, box } = shown(data, visibleRect, 48, how);
        assert.deepEqual([seen.format, seen.displayWidth, seen.displayHeight], [format, box.width, box.height]);
        const expected = [];
        for (let y = 0; y < out.height; ++y)
          for (let x = 0; x < out.width; ++x)
            for (let c = 0; c < 3; ++c) expected.push(resized({ columns: 4 * box.width, data: pixels }, format === 'RGBX' ? c : 2 - c, 4, 1, box, x, y));
        assertClose(values, expected, 1.1, JSON.stringify({ visibleRect, ...how }));
        assert.ok(closed, 'the frame is still open');
      }
  });

  test(`${format} frames that are stretched or large have no alpha either`, async () => {
    const colour = [200, 100, 50];
    const expected = Array.from({ length: out.width * out.height }, () => colour).flat();
    const large = { codedWidth: 2600, codedHeight: 6 };
    const stretched = { codedWidth: 20, codedHeight: 14, displayWidth: 40, displayHeight: 14 };
    for (const init of [large, stretched, { ...large, rotation: 90 }, { ...stretched, rotation: 270 }, { ...stretched, rotation: 180, flip: true }]) {
      const data = bytes(init.codedWidth * init.codedHeight);
      data.forEach((_, i) => i % 4 < 3 && (data[i] = colour[format === 'RGBX' ? i % 4 : 2 - (i % 4)]));
      const { values, closed } = await answerInPage(format, [{ data }], init);
      assertClose(values, expected, 1.1, JSON.stringify(init));
      assert.ok(closed, 'the frame is still open');
    }
  });
}

test('frames that the engine does not take as they are go through the browser', async () => {
  const flat = (planes) => planes.map((plane, i) => ({ ...plane, data: plane.data.map(() => [140, 110, 150, 255][i]) }));
  const expected = Array.from({ length: out.width * out.height }, () => toRgb([140, 110, 150], colourSpaces[0])).flat();
  const cases = [
    ['I422', { codedWidth: 20, codedHeight: 14 }],
    ['I444', { codedWidth: 20, codedHeight: 14 }],
    ['I420A', { codedWidth: 20, codedHeight: 14 }],
    // Pixels that are not square.
    ['I420', { codedWidth: 20, codedHeight: 14, displayWidth: 40, displayHeight: 14 }],
    ['NV12', { codedWidth: 20, codedHeight: 14, displayWidth: 20, displayHeight: 30 }],
  ];
  for (const [format, init] of cases) {
    const planes = flat(planesOf(format, 20, 14));
    if (format === 'NV12') planes[1].data.forEach((_, i, all) => (all[i] = i % 2 ? 150 : 110));
    const { values, closed } = await answerInPage(format, planes, init);
    assertClose(values, expected, 4, `${format} ${JSON.stringify(init)}`);
    assert.ok(closed);
  }
  const wide = { matrix: 'bt2020-ncl', primaries: 'bt2020', transfer: 'bt709', fullRange: false };
  const { values } = await answerInPage('I420', flat(planesOf('I420', 20, 14)), { codedWidth: 20, codedHeight: 14, colorSpace: wide });
  assert.ok(values.every((value) => value > 60 && value < 230), 'colours of BT.2020');
});

test('a video element is an image, a closed one is none', async () => {
  const told = await page.evaluate(async () => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 64, height: 48 });
    const context = canvas.getContext('2d');
    const paint = () => {
      context.fillStyle = 'rgb(200, 100, 50)';
      context.fillRect(0, 0, 64, 48);
    };
    paint();
    const video = document.createElement('video');
    const unready = await errorOf(() => model.runImage(video));
    video.srcObject = canvas.captureStream(30);
    const painting = setInterval(paint, 20);
    await video.play();
    const fromVideo = [...(await model.runImage(video)).echo];
    const stillUsable = [...(await model.runImage(video)).echo];
    clearInterval(painting);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    frame.close();
    const bitmap = await createImageBitmap(canvas);
    bitmap.close();
    return { unready, fromVideo, stillUsable, closed: await errorOf(() => model.runImage(frame)), gone: await errorOf(() => model.runImage(bitmap)) };
  });
  assert.equal(told.unready.code, 'BadImage');
  const expected = Array.from({ length: out.width * out.height }, () => [200, 100, 50]).flat();
  assertClose(told.fromVideo, expected, 4, 'video');
  assertClose(told.stillUsable, expected, 4, 'video again');
  for (const error of [told.closed, told.gone]) {
    assert.equal(error.code, 'BadImage', error.message);
    assert.match(error.message, /is closed/);
  }
});

test('frames of one kind allocate nothing in the engine', async () => {
  const allocations = await page.evaluate(async () => {
    const planes = new Uint8Array(64 * 48 * 1.5).fill(99);
    const frame = () => new VideoFrame(planes, { format: 'NV12', codedWidth: 64, codedHeight: 48, timestamp: 0 });
    await model.runImage(frame());
    const before = await model.heap();
    for (let i = 0; i < 5; ++i) await model.runImage(frame());
    return (await model.heap()).allocations - before.allocations;
  });
  assert.equal(allocations, 0);
  assert.deepEqual(page.problems, []);
});
