// The live classifier in Chromium: every way in, the states, the keyboard, phone and laptop. The model is a small one
// that tells red, green and blue apart by logits, so that what is right is known without any trained weights.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { colourModel, png, scratchFolder, writeModel } from '../cli/fixtures.mjs';
import { buildRoot, missing, modelsFolder } from '../differential/linnet.mjs';
import { film, plain } from './film.mjs';
import { launch, startServer } from './harness.mjs';

const folder = scratchFolder();
const screenshots = join(buildRoot, 'screenshots');
const model = colourModel({ metadata: { normalisation: 'unit', fit: 'stretch', model: 'colours' } });
const labels = 'background\nred, scarlet\ngreen\nblue\n';
const red = [230, 20, 20];
const blue = [20, 20, 230];

let browser, server, release;
before(async () => {
  mkdirSync(screenshots, { recursive: true });
  const modelFolder = writeModel(folder, 'colours', model);
  writeFileSync(join(modelFolder, 'labels.txt'), labels);
  writeFileSync(join(folder, 'green.png'), png(40, 30, [10, 200, 10]));
  writeFileSync(join(folder, 'blue.png'), png(30, 40, blue));
  writeFileSync(join(folder, 'words.png'), 'these are words');
  const frames = [red, blue].map((colour) => ({ rgba: plain(colour, 320, 240), times: 20 }));
  writeFileSync(join(folder, 'camera.y4m'), film(frames, 320, 240));
  browser = await launch({ camera: join(folder, 'camera.y4m') });
  server = await startServer({
    mounts: [
      ['/colours/', modelFolder],
      ['/slow/', modelFolder],
    ],
    handle(request, response) {
      if (request.url !== '/slow/weights.bin') return false;
      response.writeHead(200, { 'Content-Length': model.weights.length });
      response.write(model.weights.subarray(0, 20));
      release = () => response.end(model.weights.subarray(20));
      return true;
    },
  });
});
after(async () => {
  await browser.close();
  await server.close();
});

const query = '?model=/colours/model.json';
const topAnswer = '#answers li:first-child .name';

// Opens the app, and afterwards checks that nothing went wrong unseen.
async function withApp({ address = query, context: settings = {}, init, expectProblems = false }, use) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(event.violatedDirective));
  });
  if (init) await page.addInitScript(init);
  try {
    await page.goto(`${server.url}/app/${address}`);
    await use(page);
    assert.deepEqual(problems, []);
    assert.deepEqual(await page.evaluate('violations'), []);
    if (!expectProblems) assert.equal(await page.isVisible('#problem'), false, await page.textContent('#problem'));
  } finally {
    await context.close();
  }
}

const state = (page, name) => page.waitForSelector(`#state[data-state="${name}"]`);
const answer = (page, name) =>
  page.waitForFunction(([at, text]) => document.querySelector(at)?.textContent === text, [topAnswer, name]);

test('loads a model, warms up, classifies its sample and shows figures', () =>
  withApp({}, async (page) => {
    await state(page, 'ready');
    await page.waitForSelector(topAnswer);
    const percents = await page.$$eval('#answers .value', (values) => values.map((value) => Number.parseFloat(value.textContent)));
    assert.equal(percents.length, 3);
    // The model gives logits: the page made them probabilities.
    assert.ok(Math.abs(percents.reduce((a, b) => a + b) - 100) < 1.5, `${percents}`);
    assert.match(await page.textContent('#p50'), /^\d+(\.\d)?\sms$/);
    assert.match(await page.textContent('#p95'), /^\d+(\.\d)?\sms$/);
    assert.match(await page.textContent('#threads'), /WebAssembly, \d+\sthreads?/);
    assert.match(await page.textContent('#memory'), /MB/);
    assert.equal(await page.textContent('#model-name'), 'colours');
    assert.match(await page.textContent('#spoken'), /(red|green|blue), \d/);
  }));

test('shows how loading comes along', () =>
  withApp({ address: '?model=/slow/model.json' }, async (page) => {
    await state(page, 'loading');
    // Most of this model is its model.json; all of it but the end of the weights has come.
    await page.waitForFunction(() => document.querySelector('#progress').value > 0.5);
    assert.ok((await page.evaluate(() => document.querySelector('#progress').value)) < 1);
    await page.screenshot({ path: join(screenshots, 'loading.png') });
    release();
    await state(page, 'ready');
    await page.waitForSelector(topAnswer);
    assert.equal(await page.isVisible('#progress'), false);
  }));

test('each sample can be chosen', () =>
  withApp({}, async (page) => {
    await state(page, 'ready');
    const count = await page.locator('#samples button').count();
    assert.ok(count >= 2);
    for (let i = 0; i < count; ++i) {
      await page.click(`#samples button:nth-child(${i + 1})`);
      assert.equal(await page.getAttribute(`#samples button:nth-child(${i + 1})`, 'aria-pressed'), 'true');
      assert.equal(await page.locator('#samples [aria-pressed=true]').count(), 1);
    }
  }));

test('classifies a photo from a file, and says when it is none', () =>
  withApp({ expectProblems: true }, async (page) => {
    await state(page, 'ready');
    await page.setInputFiles('#photo', join(folder, 'green.png'));
    await answer(page, 'green');
    await page.setInputFiles('#photo', join(folder, 'blue.png'));
    await answer(page, 'blue');
    assert.equal(await page.locator('#samples [aria-pressed=true]').count(), 0);
    assert.equal(await page.isVisible('#problem'), false);
    await page.setInputFiles('#photo', join(folder, 'words.png'));
    await page.waitForSelector('#problem:not([hidden])');
    assert.match(await page.textContent('#problem'), /words\.png is no picture/);
  }));

// Drops real files or folders on the page, as a hand would.
async function drop(page, ...files) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'])
    await session.send('Input.dispatchDragEvent', { type, x: 200, y: 200, data });
  await session.detach();
}

test('takes a dropped photo and a dropped model folder', () =>
  withApp({ address: '' }, async (page) => {
    await state(page, 'idle');
    await drop(page, join(folder, 'colours'));
    await state(page, 'ready');
    assert.equal(await page.textContent('#model-name'), 'colours');
    await drop(page, join(folder, 'green.png'));
    await answer(page, 'green');
    assert.equal(await page.isVisible('#drop'), false);
  }));

test('takes a model folder from the chooser', () =>
  withApp({ address: '' }, async (page) => {
    await state(page, 'idle');
    await page.setInputFiles('#folder', join(folder, 'colours'));
    await state(page, 'ready');
    await page.setInputFiles('#photo', join(folder, 'blue.png'));
    await answer(page, 'blue');
  }));

test('follows the camera live, one frame at a time', () => {
  // Counts frames on their way to the engine.
  const init = () => {
    globalThis.flight = { now: 0, most: 0, frames: 0 };
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message?.type === 'image') {
        globalThis.flight.frames++;
        globalThis.flight.most = Math.max(globalThis.flight.most, ++globalThis.flight.now);
        this.addEventListener('message', () => globalThis.flight.now--, { once: true });
      }
      return postMessage.call(this, message, ...rest);
    };
  };
  return withApp({ init }, async (page) => {
    await state(page, 'ready');
    await page.click('#camera');
    await state(page, 'live');
    await answer(page, 'red');
    await answer(page, 'blue');
    await answer(page, 'red');
    assert.equal(await page.getAttribute('#camera', 'aria-pressed'), 'true');
    await page.waitForFunction(() => /per second/.test(document.querySelector('#rate').textContent));
    const flight = await page.evaluate('flight');
    assert.equal(flight.most, 1);
    assert.ok(flight.frames > 10);
    await page.screenshot({ path: join(screenshots, 'camera.png') });
    await page.click('#camera');
    await state(page, 'ready');
    const frames = await page.evaluate('flight.frames');
    await page.waitForTimeout(400);
    assert.equal(await page.evaluate('flight.frames'), frames);
    assert.equal(await page.isVisible('#image'), true);
  });
});

test('says what to do when the camera is refused', () => {
  const init = () => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
  };
  return withApp({ init, expectProblems: true }, async (page) => {
    await state(page, 'ready');
    await page.click('#camera');
    await page.waitForSelector('#problem:not([hidden])');
    assert.match(await page.textContent('#problem'), /may not use the camera.*open a photo/i);
    await page.setInputFiles('#photo', join(folder, 'blue.png'));
    await answer(page, 'blue');
    assert.equal(await page.isVisible('#problem'), false);
  });
});

test('a bad model is a problem in words, and a good one after it works', () =>
  withApp({ address: '?model=/nowhere/model.json', expectProblems: true }, async (page) => {
    await state(page, 'error');
    assert.match(await page.textContent('#problem'), /\/nowhere\/model\.json answered 404/);
    await page.click('#model-panel summary');
    await page.fill('#model-url', '/colours/model.json');
    await page.press('#model-url', 'Enter');
    await state(page, 'ready');
    await page.waitForSelector(topAnswer);
    assert.equal(await page.isVisible('#problem'), false);
  }));

test('works by keyboard alone, with the focus in sight', () =>
  withApp({ address: '' }, async (page) => {
    await state(page, 'idle');
    const visited = [];
    const focusOn = async (id) => {
      for (let i = 0; i < 30; ++i) {
        await page.keyboard.press('Tab');
        const { at, seen } = await page.evaluate(() => {
          const focused = document.activeElement;
          // Between the last control and the first, the focus is with the browser.
          if (focused === document.body) return { at: '', seen: true };
          // A hidden file input shows its focus on its label.
          const shown = focused.type === 'file' ? focused.closest('label') : focused;
          const { outlineStyle, outlineWidth } = getComputedStyle(shown);
          return { at: focused.id || focused.textContent.trim(), seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
        });
        visited.push(at);
        assert.ok(seen, `the focus on '${at}' cannot be seen`);
        if (at === id) return;
      }
      assert.fail(`Tab never reaches ${id}, only ${visited}`);
    };
    await focusOn('camera');
    await focusOn('photo');
    await focusOn('model-url');
    await page.keyboard.type('/colours/model.json');
    await page.keyboard.press('Enter');
    await state(page, 'ready');
    await page.evaluate(() => document.activeElement.blur());
    await focusOn('camera');
    await page.keyboard.press('Space');
    await state(page, 'live');
    await answer(page, 'blue');
    await page.keyboard.press('Space');
    await state(page, 'ready');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.getAttribute('#samples button:first-child', 'aria-pressed'), 'true');
  }));

// The least contrast of all visible text with what lies behind it, by WCAG's formula.
const leastContrast = () => {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  let least = { ratio: Infinity };
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('.skip')) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least.ratio) least = { ratio, text: element.textContent.trim().slice(0, 40) };
  }
  return least;
};

const screens = [
  ['phone', { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2 }],
  ['laptop', { viewport: { width: 1280, height: 800 } }],
];
for (const [name, settings] of screens) {
  for (const colorScheme of ['light', 'dark']) {
    test(`fits a ${name}, ${colorScheme}, with enough contrast`, () =>
      withApp({ context: { ...settings, colorScheme, reducedMotion: 'reduce' } }, async (page) => {
        await state(page, 'ready');
        await page.waitForSelector(topAnswer);
        await page.screenshot({ path: join(screenshots, `${name}-${colorScheme}.png`), fullPage: true });
        await page.click('#model-panel summary');
        const { width } = settings.viewport;
        assert.ok((await page.evaluate('document.documentElement.scrollWidth')) <= width, 'the page scrolls sideways');
        const box = await page.locator(topAnswer).boundingBox();
        assert.ok(box.y + box.height < settings.viewport.height, 'the best answer is below the fold');
        for (const control of await page.locator('button:visible, label.button:visible, summary').all()) {
          const { height } = await control.boundingBox();
          assert.ok(height >= 44, `${await control.textContent()} is ${height} pixels high`);
        }
        const least = await page.evaluate(leastContrast);
        assert.ok(least.ratio >= 4.5, `'${least.text}' has a contrast of ${least.ratio.toFixed(2)}`);
        const moving = await page.evaluate(() => document.getAnimations().length);
        assert.equal(moving, 0, 'something moves in spite of the wish for less motion');
      }));
  }
}

const trained = join(modelsFolder, 'mobilenet_v2_1.0_224');
const trainedLabels = join(modelsFolder, 'tflite/imagenet_labels_1001.txt');
test('a trained model knows what the camera shows', { skip: missing(trained) || missing(trainedLabels) }, async () => {
  // The camera shows one of the page's own samples.
  const painter = await browser.newPage();
  await painter.goto(`${server.url}/app/`);
  const pixels = await painter.evaluate(async () => {
    const picture = new Image();
    picture.src = 'samples/umbrella.svg';
    await picture.decode();
    const context = new OffscreenCanvas(640, 480).getContext('2d');
    context.fillStyle = '#b5bfc9';
    context.fillRect(0, 0, 640, 480);
    context.drawImage(picture, 80, 0, 480, 480);
    return [...context.getImageData(0, 0, 640, 480).data];
  });
  await painter.close();
  writeFileSync(join(folder, 'umbrella.y4m'), film([{ rgba: Buffer.from(pixels), times: 10 }], 640, 480));
  const watching = await launch({ camera: join(folder, 'umbrella.y4m') });
  try {
    const page = await watching.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${server.url}/app/?model=/models/mobilenet_v2_1.0_224/&labels=/models/tflite/imagenet_labels_1001.txt`);
    await state(page, 'ready');
    await page.click('#samples button:first-child');
    await answer(page, 'analog clock');
    await page.click('#camera');
    await state(page, 'live');
    await answer(page, 'umbrella');
    await page.waitForTimeout(1500); // so that the picture below shows settled figures
    await page.screenshot({ path: join(screenshots, 'trained.png') });
    assert.equal(await page.textContent(topAnswer), 'umbrella');
  } finally {
    await watching.close();
  }
});
