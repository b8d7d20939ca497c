// Models beside each other: in one thread and on one GPU, where each takes what the other keeps.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gpuFlags, launch, modelDocuments } from './harness.mjs';
import * as pages from './ladder_pages.mjs';
import { echo, loop, smallClassifier } from './small_models.mjs';

let browser, server, page;
before(async () => {
  browser = await launch({ flags: gpuFlags });
  server = await pages.startLadderServer({
    ...modelDocuments('/loop', loop([1, 1030])),
    ...modelDocuments('/column', loop([1030, 1])),
    ...modelDocuments('/other', loop([1, 1031])),
    ...modelDocuments('/echo', echo({ width: 48, height: 48 })),
    ...modelDocuments('/scores', loop([1, 10])),
    ...modelDocuments('/classifier', smallClassifier({ size: 48 })),
  });
  page = await pages.openPage(browser, server);
});
after(async () => {
  await browser.close();
  await server.close();
});

const inPage = (task, argument) => pages.inOpenPage(page, task, argument);

for (const backend of ['wasm', 'webgpu', 'webgl2'])
  describe(`models beside each other on ${backend}`, () => {
    test('take what the others keep, and answer as they do to arrays', async () => {
      const found = await inPage(async (backend) => {
        const images = await linnet.loadModel('/echo/', { backend, threads: 1 });
        const [classifier, scores] = await Promise.all(
          ['/classifier/', '/scores/'].map((url) => linnet.loadModel(url, { beside: images, threads: 1 })),
        );
        // Its tensors are f16 where there is a GPU, but not those that go in and out.
        const half = await linnet.loadModel('/classifier/', { beside: images, threads: 1, precision: 'f16' });
        const backends = [classifier.backend, scores.backend];
        const before = await classifier.heap();
        const differences = [];
        for (let k = 0; k < 5; ++k) {
          const input = frame(k);
          const { echo } = await images.runKept(input);
          // Not awaited: a run takes its inputs before what is asked for later, on whatever model.
          const plain = classifier.run({ image: echo });
          const kept = classifier.runKept(echo);
          const halves = half.run(echo);
          void echo.dispose();
          const { answers } = await kept;
          const step = new Float32Array(10).fill(k);
          const { next } = await scores.run({ state: answers, step });
          const positive = input.map((value) => Math.max(value, 0));
          const expected = (await classifier.run(positive)).answers;
          differences.push(
            ...[await plain.then(({ answers }) => answers), await answers.read()].map((array) => array.join() !== expected.join()),
            next.join() !== (await scores.run({ state: expected, step })).next.join(),
            (await halves).answers.join() !== (await half.run(positive)).answers.join(),
          );
          await answers.dispose();
        }
        const after = await classifier.heap();
        const kept = [];
        for (const model of [images, classifier, scores]) kept.push((await model.heap()).keptTensors);
        await Promise.all([scores, images, half, classifier].map((model) => model.dispose()));
        return { backends, differences, kept, growth: [after.liveBytes - before.liveBytes, after.liveHandles - before.liveHandles] };
      }, backend);
      assert.deepEqual(found.backends, [backend, backend]);
      assert.deepEqual(found.differences, Array(20).fill(false));
      assert.deepEqual([found.kept, found.growth], [[0, 0, 0], [0, 0]]);
    });

    test('pass a state on, in either direction', async () => {
      const state = await inPage(async (backend) => {
        const one = await linnet.loadModel('/loop/', { backend });
        const two = await linnet.loadModel('/column/', { beside: one });
        const step = Float32Array.from({ length: 1030 }, (_, i) => i);
        let state = new Float32Array(1030).fill(1);
        for (let i = 0; i < 6; ++i) {
          const { next, product } = await (i % 2 ? two : one).runKept({ state, step });
          await product.dispose();
          await state.dispose?.();
          state = next;
        }
        const read = [...(await state.read())];
        await Promise.all([one.dispose(), two.dispose()]);
        return read;
      }, backend);
      assert.deepEqual(state, Array.from({ length: 1030 }, (_, i) => 1 + 6 * i));
    });

    test('refuse what they cannot take', async () => {
      const codes = await inPage(async (backend) => {
        const one = await linnet.loadModel('/loop/', { backend });
        const two = await linnet.loadModel('/loop/', { beside: one });
        const other = await linnet.loadModel('/other/', { beside: one });
        const far = await linnet.loadModel('/loop/', { backend });
        const step = new Float32Array(1030);
        const { next: state, product: gone } = await one.runKept({ state: step, step });
        await gone.dispose();
        const told = async (operation) => {
          const { code, message } = await errorOf(operation);
          return `${code}: ${message}`;
        };
        const all = [
          await told(() => far.run({ state, step })),
          await told(() => other.run({ state, step: new Float32Array(1031) })),
          await told(() => two.run({ state: gone, step })),
          await told(() => two.run(state)),
          await told(() => linnet.loadModel('/loop/', { beside: one, backend: backend === 'wasm' ? 'webgl2' : 'wasm' })),
          await told(() => linnet.loadModel('/nowhere/', { beside: one })),
          await told(() => state.draw(new OffscreenCanvas(1, 1), { palette: [() => 0] })),
        ];
        // None of these hurt.
        const { next } = await two.run({ state, step: step.fill(2) });
        await one.dispose();
        all.push(await told(() => two.run({ state, step })));
        all.push(await told(() => linnet.loadModel('/loop/', { beside: one })));
        all.push(String(next.every((value) => value === 2)));
        await Promise.all([two, other, far].map((model) => model.dispose()));
        const chosen = await linnet.loadModel('/loop/', { backends: ['webgl2'], remember: false });
        all.push(await told(() => linnet.loadModel('/loop/', { beside: chosen })));
        await chosen.dispose();
        return all;
      }, backend);
      const expected = [
        /^InvalidArgument: .*'next' is kept in another thread/,
        /^WrongSize: .*'state' \(f32 \[1,1031\]\) does not take the kept 'next' \(f32 \[1,1030\]\)/,
        /^Disposed/,
        /^InvalidArgument: .*2 inputs/,
        new RegExp(`^InvalidArgument: .*its backend, ${backend}`),
        /^Network/,
        /^InvalidArgument: .*could not be cloned/,
        /^Disposed: .*the tensor/,
        /^Disposed: .*the model/,
        /^true$/,
        /^InvalidArgument: .*certain backend/,
      ];
      expected.forEach((words, i) => assert.match(codes[i], words));
    });

    test('are disposed of in any order', async () => {
      await inPage(async (backend) => {
        for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) {
          const models = [await linnet.loadModel('/loop/', { backend })];
          for (let i = 1; i < 3; ++i) models.push(await linnet.loadModel('/loop/', { beside: models[i - 1] }));
          const step = new Float32Array(1030).fill(3);
          const left = new Set(models);
          for (const i of order) {
            await models[i].dispose();
            left.delete(models[i]);
            for (const model of left) {
              const { next } = await model.run({ state: step, step });
              if (!next.every((value) => value === 6)) throw new Error('a wrong answer');
            }
          }
        }
        // Loading that is called off leaves the others as they are.
        const model = await linnet.loadModel('/loop/', { backend });
        const stop = new AbortController();
        const loading = errorOf(() => linnet.loadModel('/loop/', { beside: model, signal: stop.signal }));
        stop.abort();
        if ((await loading).code !== 'Aborted') throw new Error('it was loaded');
        await model.run({ state: new Float32Array(1030), step: new Float32Array(1030) });
        await model.dispose();
      }, backend);
    });

    test('answer while another is being loaded', async () => {
      const wrong = await inPage(async (backend) => {
        const model = await linnet.loadModel('/classifier/', { backend, threads: 1 });
        const expected = [];
        for (let k = 0; k < 5; ++k) expected.push((await model.run(frame(k))).answers.join());
        let wrong = 0;
        for (let i = 0; i < 3; ++i) {
          let loaded = null;
          const loading = linnet.loadModel('/small/', { beside: model, threads: 1 }).then((other) => (loaded = other));
          for (let k = 0; !loaded; ++k) wrong += (await model.run(frame(k))).answers.join() !== expected[k % 5];
          wrong += (await loaded.run(frame(2))).answers.join() !== expected[2];
          await loading;
          await loaded.dispose();
        }
        await model.dispose();
        return wrong;
      }, backend);
      assert.equal(wrong, 0);
    });

    test('share a calling thread, open one GPU, and read nothing back', async () => {
      const { same, calls } = await inPage(async (backend) => {
        const calls = { open: 0, read: 0 };
        const count = (prototype, name, key) => {
          const original = prototype[name];
          prototype[name] = function (...given) {
            calls[key] += 1;
            return original.apply(this, given);
          };
        };
        count(GPUAdapter.prototype, 'requestDevice', 'open');
        count(OffscreenCanvas.prototype, 'getContext', 'open');
        count(GPUBuffer.prototype, 'mapAsync', 'read');
        count(WebGL2RenderingContext.prototype, 'getBufferSubData', 'read');
        const images = await linnet.loadModel('/echo/', { backend, worker: false });
        const before = { ...calls };
        const classifier = await linnet.loadModel('/classifier/', { beside: images });
        const { echo } = await images.runKept(frame(1));
        const { read } = calls;
        const kept = await classifier.runKept(echo);
        const seen = { first: before.open, more: calls.open - before.open, read: calls.read - read };
        const answers = await kept.answers.read();
        const expected = await classifier.run(await echo.read());
        await images.dispose();
        const still = await classifier.run(frame(1).map((value) => Math.max(value, 0)));
        await classifier.dispose();
        return { same: [expected, still].map((each) => each.answers.join() === answers.join()), calls: seen };
      }, backend);
      assert.deepEqual(same, [true, true]);
      assert.deepEqual(calls, { first: backend === 'wasm' ? 0 : 1, more: 0, read: 0 });
    });
  });

for (const backend of ['webgpu', 'webgl2'])
  test(`${backend} is closed once, with the last of its models`, async () => {
    const closed = await inPage(async (backend) => {
      let closed = 0;
      const count = (prototype, name) => {
        const original = prototype[name];
        prototype[name] = function (...given) {
          closed += 1;
          return original.apply(this, given);
        };
        return () => (prototype[name] = original);
      };
      const restore = [
        count(GPUDevice.prototype, 'destroy'),
        count(Object.getPrototypeOf(new OffscreenCanvas(1, 1).getContext('webgl2').getExtension('WEBGL_lose_context')), 'loseContext'),
      ];
      const seen = [];
      for (const order of [[0, 1, 2], [2, 1, 0]]) {
        const models = [await linnet.loadModel('/loop/', { backend, worker: false })];
        for (let i = 1; i < 3; ++i) models.push(await linnet.loadModel('/loop/', { beside: models[0] }));
        for (const i of order) {
          seen.push(closed);
          await models[i].dispose();
        }
        seen.push(closed);
      }
      restore.forEach((undo) => undo());
      return seen;
    }, backend);
    assert.deepEqual(closed, [0, 0, 0, 1, 1, 1, 1, 2]);
  });

for (const backend of ['webgpu', 'webgl2'])
  test(`models on a ${backend} that is lost all end, and answer as before when they are loaded anew`, async () => {
    const found = await inPage(async (backend) => {
      const positive = (k) => frame(k).map((value) => Math.max(value, 0));
      const exact = await linnet.loadModel('/classifier/', { backend: 'wasm', threads: 1 });
      const results = [];
      for (let k = 0; k < 6; ++k) {
        const one = await load({ [backend]: { real: true } }, { location: '/echo/', backend });
        const two = await linnet.loadModel('/classifier/', { beside: one });
        const { echo } = await one.runKept(frame(k));
        const { answers } = await two.run(echo);
        // Nothing is under way, or a run, or another model.
        const running = k % 3 === 1 ? errorOf(() => two.run(echo)) : null;
        const loading = k % 3 === 2 ? linnet.loadModel('/loop/', { beside: two }).catch(() => null) : null;
        orders.postMessage({ lose: backend });
        await running;
        const models = [one, two, await loading].filter(Boolean);
        const codes = [];
        for (const model of models) {
          for (let i = 0; i < 500 && (await errorOf(() => model.heap())).code === 'none'; ++i) await new Promise((resolve) => setTimeout(resolve, 10));
          codes.push((await errorOf(() => model.heap())).code, (await errorOf(() => linnet.loadModel('/loop/', { beside: model }))).code);
        }
        codes.push((await errorOf(() => echo.read())).code);
        await echo.dispose();
        await Promise.all(models.map((model) => model.dispose()));
        results.push({ near: near(answers, (await exact.run(positive(k))).answers), codes });
      }
      await exact.dispose();
      return results;
    }, backend);
    for (const { near, codes } of found) {
      assert.ok(near);
      for (const code of codes) assert.equal(code, 'DeviceLost');
    }
  });
