// The choice among backends in a page, with rungs that behave as told. All of them compute with WASM, so every answer has
// to be the right one whatever happens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './harness.mjs';
import * as pages from './ladder_pages.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await pages.startLadderServer();
});
after(async () => {
  await browser.close();
  await server.close();
});
const inPage = (...given) => pages.inPage(browser, server, ...given);
const openPage = () => pages.openPage(browser, server);

test('chooses WASM where that is measured to be the fastest, and says so', async () => {
  const result = await inPage(async () => {
    const told = [];
    const model = await load({ wasm: { run: 12.9 }, webgpu: { run: 180 }, webgl2: { run: 70.1 } }, { onChoice: ({ reason }) => told.push(reason) });
    await decided(model);
    const { backend, choice } = model;
    await model.dispose();
    return { backend, choice, last: told.at(-1), loads };
  });
  assert.equal(result.backend, 'wasm');
  assert.equal(result.choice.reason, 'WASM, measured 12.9 ms; WebGPU 180 ms; WebGL2 70.1 ms');
  assert.equal(result.last, result.choice.reason);
  assert.deepEqual(result.loads, ['wasm', 'webgpu', 'webgl2']);
  const { wasm, webgpu } = result.choice.rungs;
  assert.deepEqual([wasm.state, wasm.median, webgpu.state, webgpu.median, webgpu.error], ['ready', 12.9, 'idle', 180, 0]);
  assert.ok(wasm.bytes > 0 && webgpu.bytes > 0);
});

test('an onChoice that throws is reported, and costs no answer', async () => {
  const result = await inPage(async () => {
    const reported = [];
    addEventListener('error', (event) => {
      event.preventDefault();
      reported.push(event.error.message);
    });
    const expected = await expectedAnswers();
    const onChoice = () => {
      throw new Error('the caller fails');
    };
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5 } }, { onChoice, backends: ['webgpu'] });
    let wrong = 0;
    for (let k = 0; !model.choice?.decided || k < 20; ++k) wrong += (await model.run(frame(k))).answers.join() !== expected[k % 5];
    orders.postMessage({ lose: 'webgpu', code: 'DeviceLost' });
    await until(() => model.choice.rungs.webgpu.recoveries === 1, 'back');
    const { backend } = model;
    await model.dispose();
    return { wrong, backend, reported: [...new Set(reported)] };
  });
  assert.deepEqual(result, { wrong: 0, backend: 'webgpu', reported: ['the caller fails'] });
});

test('a model of several inputs keeps those that an image leaves as they were', async () => {
  const answers = await inPage(async () => {
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5 } }, { location: '/sum/', backends: ['webgpu'] });
    await decided(model);
    const whole = (value) => new Float32Array(48).fill(value);
    const white = () => new ImageData(new Uint8ClampedArray(64).fill(255), 4, 4);
    const first = async (promise) => (await promise).sum[0];
    const found = [model.backend];
    found.push(await first(model.run({ image: whole(2), other: whole(5) })));
    found.push(await first(model.runImage(white(), { input: 'image' })));
    found.push(await first(model.runImage(white(), { input: 'other' })));
    found.push(await first(model.run({ image: whole(3), other: whole(4) })));
    found.push(await first(model.runImage(white(), { input: 'other' })));
    await model.dispose();
    return found;
  });
  assert.deepEqual(answers, ['webgpu', 7, 6, 2, 7, 4]);
});

test('answers every frame while it changes to a faster backend', async () => {
  const result = await inPage(async () => {
    const expected = await expectedAnswers();
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5, slow: 300 }, webgl2: { run: 30 } });
    const first = model.backend;
    const seen = new Set();
    let wrong = 0;
    let outputs;
    for (let k = 0; !model.choice?.decided || k < 50; ++k) {
      outputs = await model.run(frame(k), outputs ? { recycle: outputs } : {});
      wrong += outputs.answers.join() !== expected[k % 5];
      seen.add(model.backend);
    }
    const { backend, choice } = model;
    await model.dispose();
    return { first, seen: [...seen], wrong, backend, rungs: choice.rungs };
  });
  assert.equal(result.first, 'wasm');
  assert.deepEqual(result.seen, ['wasm', 'webgpu']);
  assert.equal(result.wrong, 0);
  assert.deepEqual([result.backend, result.rungs.webgpu.state, result.rungs.webgl2.state], ['webgpu', 'ready', 'idle']);
});

test('does without storage', async () => {
  const result = await inPage(async () => {
    const outcomes = [];
    const blocked = [
      () => { throw new DOMException('not here', 'SecurityError'); },
      () => ({}), // never answers
    ];
    for (const open of blocked) {
      Object.defineProperty(IDBFactory.prototype, 'open', { value: open });
      const model = await load({ wasm: { run: 20 }, webgpu: { run: 5 }, webgl2: { run: 30 } });
      await decided(model);
      outcomes.push(model.backend);
      await model.dispose();
    }
    return outcomes;
  });
  assert.deepEqual(result, ['webgpu', 'webgpu']);
});

test('never uses a backend that is wrong, cannot be loaded or is not there', async () => {
  const result = await inPage(async () => {
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 1, off: 0.01 }, webgl2: { run: 1, refuse: 'no textures' } });
    await decided(model);
    const { rungs, reason } = model.choice;
    await model.dispose();
    const absent = await load({ absent: ['webgpu', 'webgl2'] });
    await decided(absent);
    const { reason: alone } = absent.choice;
    await absent.dispose();
    return { rungs, reason, alone };
  });
  assert.match(result.rungs.webgpu.reason, /its self-test is off by 0\.0\d+ of the range, 0\.0010 is allowed/);
  assert.equal(result.rungs.webgl2.reason, 'the GPU failed: no textures');
  assert.match(result.reason, /^WASM, measured 20\.0 ms; WebGPU skipped: .*; WebGL2 skipped: /);
  assert.equal(result.alone, 'WASM; WebGPU is not here: no adapter; WebGL2 is not here: no adapter');
});

test('says whether a GPU is missing, did not answer, or could not be looked for', async () => {
  const reasons = await inPage(async () => {
    // The time that looking for them has passes at once.
    const { setTimeout: real } = globalThis;
    globalThis.setTimeout = (task, wait, ...given) => real(task, wait === 5000 ? 500 : wait, ...given);
    const found = [];
    for (const probe of [{ absent: ['webgl2'], silent: ['webgpu'] }, { silent: ['webgpu'] }, { broken: true }]) {
      const model = await load({ wasm: { run: 20 }, webgl2: { run: 5 }, ...probe }, { remember: false });
      await decided(model);
      const { webgpu, webgl2 } = model.choice.rungs;
      found.push([model.backend, webgpu.state, webgpu.reason, webgl2.state, webgl2.reason]);
      await model.dispose();
    }
    return found;
  });
  const late = 'no answer within 5 s';
  const broken = 'the worker that looks for it could not start';
  assert.deepEqual(reasons, [
    ['wasm', 'absent', late, 'absent', 'no adapter'],
    ['webgl2', 'absent', late, 'ready', ''],
    ['wasm', 'absent', broken, 'absent', broken],
  ]);
});

test('an answer that is no number is never shown, and ends the backend', async () => {
  const result = await inPage(async () => {
    const expected = await expectedAnswers();
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5, nan: 15 }, webgl2: { run: 90 } });
    await decided(model);
    const before = model.backend;
    let wrong = 0;
    for (let k = 0; k < 20; ++k) wrong += (await model.run(frame(k))).answers.join() !== expected[k % 5];
    const { backend, choice } = model;
    await model.dispose();
    return { before, wrong, backend, reason: choice.rungs.webgpu.reason };
  });
  assert.deepEqual(result, { before: 'webgpu', wrong: 0, backend: 'wasm', reason: 'it answered with what is no finite number' });
});

test('a hundred losses, a hundred recoveries, no wrong answer, nothing left behind', async () => {
  const page = await openPage();
  const result = await page.evaluate(async () => {
    const expected = await expectedAnswers();
    const model = await load(
      { wasm: { run: 20 }, webgpu: { run: 5 }, webgl2: { run: 90 } },
      { recovery: { rebuilds: 1000, backoff: 1 } },
    );
    await decided(model);
    const heap = await model.heap();
    let wrong = 0;
    const codes = ['DeviceLost', 'GpuFailed', 'DeviceLost'];
    for (let k = 0; k < 100; ++k) {
      await until(() => model.backend === 'webgpu', `back on WebGPU the ${k}th time`);
      // Some are lost between frames, some within one.
      const answer = k % 2 ? model.run(frame(k)) : null;
      orders.postMessage({ lose: 'webgpu', code: codes[k % 3] });
      if (!answer) await until(() => model.backend === 'wasm', 'the loss is seen');
      wrong += (await (answer ?? model.run(frame(k)))).answers.join() !== expected[k % 5];
      await until(() => model.choice.rungs.webgpu.losses === k + 1, 'the loss is counted');
    }
    await until(() => model.backend === 'webgpu', 'back at last');
    wrong += (await model.run(frame(3))).answers.join() !== expected[3];
    const { losses, recoveries } = model.choice.rungs.webgpu;
    const after = await model.heap();
    return {
      wrong, losses, recoveries,
      growth: [after.liveBytes - heap.liveBytes, after.liveBlocks - heap.liveBlocks, after.liveHandles - heap.liveHandles],
    };
  });
  assert.deepEqual(result, { wrong: 0, losses: 100, recoveries: 100, growth: [0, 0, 0] });
  for (let i = 0; page.workers().length > 2 && i < 50; ++i) await page.waitForTimeout(100);
  assert.equal(page.workers().length, 2, 'one worker for each backend in use');
  await page.context().close();
});

test('exhausted memory and too many losses step down for this visit', async () => {
  const result = await inPage(async () => {
    const expected = await expectedAnswers();
    const outcomes = [];
    for (const [code, times] of [['OutOfMemory', 1], ['GpuFailed', 2]]) {
      const model = await load({ wasm: { run: 20 }, webgpu: { run: 5 }, webgl2: { run: 30 } }, { recovery: { rebuilds: 1, backoff: 1 } });
      await decided(model);
      for (let k = 0; k < times; ++k) {
        await until(() => model.backend === 'webgpu', 'on WebGPU');
        orders.postMessage({ lose: 'webgpu', code });
        await until(() => model.choice.rungs.webgpu.losses === k + 1, 'the loss is counted');
      }
      const right = (await model.run(frame(1))).answers.join() === expected[1];
      outcomes.push([right, model.backend, model.choice.rungs.webgpu.state, model.choice.rungs.webgpu.reason]);
      await model.dispose();
    }
    return outcomes;
  });
  assert.deepEqual(result, [
    [true, 'wasm', 'skipped', 'out of memory: the test took it'],
    [true, 'wasm', 'skipped', 'lost 2 times, at last: the GPU failed: the test took it'],
  ]);
});

test('images are answered through losses too, and closed', async () => {
  const result = await inPage(async () => {
    const canvas = new OffscreenCanvas(64, 48);
    const context = canvas.getContext('2d');
    context.fillStyle = 'teal';
    context.fillRect(8, 8, 30, 30);
    const sources = [
      () => createImageBitmap(canvas),
      () => new VideoFrame(canvas, { timestamp: 0 }),
      () => context.getImageData(0, 0, 64, 48),
    ];
    const plain = await linnet.loadModel('/small/', { backend: 'wasm', threads: 1, variant: 'simd' });
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5, loseInRun: 16 }, webgl2: { run: 30 } }, { recovery: { rebuilds: 1000, backoff: 1 } });
    await decided(model);
    let wrong = 0;
    let open = 0;
    for (let k = 0; k < 30; ++k) {
      const image = await sources[k % 3]();
      const expected = (await plain.runImage(await sources[k % 3]())).answers.join();
      wrong += (await model.runImage(image)).answers.join() !== expected;
      if (image.close) open += (image.displayWidth ?? image.width) !== 0;
      if (model.backend === 'wasm') await until(() => model.backend === 'webgpu', 'back');
    }
    const { losses } = model.choice.rungs.webgpu;
    await Promise.all([model.dispose(), plain.dispose()]);
    return { wrong, open, lost: losses > 1 };
  });
  assert.deepEqual(result, { wrong: 0, open: 0, lost: true });
});

test('safe mode and an explicit backend try nothing', async () => {
  const result = await inPage(async () => {
    const safe = await load({ webgpu: { run: 1 } }, { safeMode: true });
    await decided(safe);
    const { reason } = safe.choice;
    await safe.dispose();
    const explicit = await load({ webgpu: { run: 1 } }, { backend: 'wasm' });
    const { choice } = explicit;
    await explicit.dispose();
    return { reason, choice, loads };
  });
  assert.deepEqual(result, { reason: 'WASM, as safe mode asks', choice: null, loads: ['wasm', 'wasm'] });
});

test('golden answers in the model judge every backend', async () => {
  const result = await inPage(async () => {
    const get = async (name) => (await fetch(`/small/${name}`)).arrayBuffer();
    const weights = new File([await get('weights.bin')], 'weights.bin');
    const json = JSON.parse(new TextDecoder().decode(await get('model.json')));
    const withGolden = (golden) => {
      const changed = { ...json, userDefinedMetadata: { linnet: { golden } } };
      return [weights, new File([JSON.stringify(changed)], 'model.json')];
    };
    const options = {
      threads: 1,
      variant: 'simd',
      backends: ['webgpu'],
      assets: `/fake/${encodeURIComponent(JSON.stringify({ wasm: { run: 20 }, webgpu: { run: 30 } }))}/`,
    };
    // What the model answers to an input that is 0.5 all over.
    const plain = await linnet.loadModel('/small/', { backend: 'wasm', threads: 1, variant: 'simd' });
    const answers = [...(await plain.run(new Float32Array(48 * 48 * 3).fill(0.5))).answers];
    await plain.dispose();
    const judged = [];
    for (const first of [answers[0], answers[0] + 0.01]) {
      const golden = { low: 0.5, high: 0.5, outputs: { answers: { at: [0, 3], values: [first, answers[3]], range: 1 } } };
      const model = await linnet.loadModel(withGolden(golden), options);
      await decided(model);
      judged.push([model.choice.rungs.wasm.reason, model.choice.rungs.webgpu.state]);
      await model.dispose();
    }
    const bad = [7, { seed: 'x' }, { outputs: { nothing: {} } }, { outputs: { answers: { at: [10], values: [1] } } }, { outputs: { answers: { at: [1], values: ['1'] } } }];
    const errors = [];
    for (const golden of bad) errors.push(await errorOf(() => linnet.loadModel(withGolden(golden), options)));
    return { judged, errors };
  });
  assert.deepEqual(result.judged, [
    ['', 'idle'],
    ['its self-test is off by 0.0100 of the range, 0.0010 is allowed', 'skipped'],
  ]);
  for (const { code, message } of result.errors) {
    assert.equal(code, 'MalformedModel', message);
    assert.match(message, /userDefinedMetadata\.linnet\.golden/);
  }
});

test('disposing while backends are tried leaves no worker', async () => {
  const page = await openPage();
  await page.evaluate(async () => {
    for (const wait of [0, 30, 100, 250]) {
      const model = await load({ wasm: { run: 20 }, webgpu: { run: 5, slow: 150 } });
      await new Promise((resolve) => setTimeout(resolve, wait));
      await model.dispose();
    }
  });
  for (let i = 0; page.workers().length > 0 && i < 70; ++i) await page.waitForTimeout(100);
  assert.equal(page.workers().length, 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a backend that hangs is given up, and the frame is answered', async () => {
  const result = await inPage(async () => {
    const expected = await expectedAnswers();
    // The time that a backend has for an answer passes when the test says so.
    const timers = [];
    const { setTimeout: real } = globalThis;
    globalThis.setTimeout = (task, wait, ...given) => {
      if (wait === 15_000) timers.push(task);
      return real(task, wait, ...given);
    };
    const model = await load({ wasm: { run: 20 }, webgpu: { run: 5, hangInRun: 16 }, webgl2: { run: 30 } });
    await decided(model);
    let wrong = 0;
    for (let k = 0; k < 8; ++k) {
      const answer = model.run(frame(k));
      await new Promise((resolve) => real(resolve, 50));
      timers.splice(0).forEach((task) => task());
      wrong += (await answer).answers.join() !== expected[k % 5];
    }
    const { losses } = model.choice.rungs.webgpu;
    await model.dispose();
    return { wrong, losses };
  });
  assert.deepEqual(result, { wrong: 0, losses: 1 });
});
