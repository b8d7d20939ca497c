// The choice among the real backends in Chromium, whose GPUs are software here: measured, and through real losses.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gpuFlags, launch } from './harness.mjs';
import * as pages from './ladder_pages.mjs';

// The GPU backends there are.
const gpus = ['webgl2', 'webgpu'];

let browser, server;
before(async () => {
  browser = await launch({ flags: gpuFlags });
  server = await pages.startLadderServer();
});
after(async () => {
  await browser.close();
  await server.close();
});

test('measures what is there and says why it chose', async () => {
  const choice = await pages.inPage(browser, server, async () => {
    const model = await linnet.loadModel('/small/', { threads: 1 });
    await decided(model);
    const { choice } = model;
    await model.dispose();
    return choice;
  });
  const rungs = ['wasm', ...gpus].map((backend) => [backend, choice.rungs[backend]]);
  for (const [backend, rung] of rungs) {
    assert.ok(rung.median > 0 && rung.bytes > 0, `${backend}: ${rung.state} ${rung.reason}`);
    assert.ok(rung.error < 1e-3, backend);
  }
  const medians = rungs.map(([, { median }]) => median);
  // Software is slower than the WebAssembly that it competes with, by far.
  assert.equal(choice.backend, 'wasm');
  assert.equal(choice.rungs.wasm.median, Math.min(...medians));
  assert.match(choice.reason, /^WASM, measured [\d.]+ ms; WebGPU [\d.]+ ms; WebGL2 [\d.]+ ms$/);
});

test('the app shows the choice and its reason, and has a safe mode with few pixels from the camera', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`${server.url}/app/?model=/small/&threads=1`);
  const text = (id) => page.textContent(`#${id}`);
  await page.waitForFunction(() => /^measured .*WebGPU [\d.]+ ms/.test(document.querySelector('#choice').textContent));
  assert.equal(await text('backend'), 'WASM');
  const filmed = async () => {
    await page.click('#camera');
    await page.waitForFunction(() => document.querySelector('video').videoWidth > 0);
    const size = await page.evaluate(() => [document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]);
    await page.click('#camera');
    return size;
  };
  assert.deepEqual(await filmed(), [640, 480]);
  await page.click('#model-panel summary');
  await page.check('#safe-mode');
  await page.waitForFunction(() => document.querySelector('#choice').textContent === 'as safe mode asks');
  assert.equal(await text('backend'), 'WASM');
  assert.deepEqual(await filmed(), [320, 240]);
  await context.close();
});

for (const backend of gpus) {
  test(`no error of ${backend} shows a wrong answer, and each is counted`, { timeout: 120_000 }, async () => {
    const found = await pages.inPage(browser, server, async (lossy) => {
      const expected = await expectedNumbers();
      const found = { wrong: 0, visits: [] };
      for (let visit = 0; visit < 2; ++visit) {
        const model = await load({ wasm: { run: 1000 }, [lossy]: { real: true, run: 1 } }, { backends: [lossy], recovery: { rebuilds: 1000, backoff: 0 } });
        await decided(model);
        const rung = () => model.choice.rungs[lossy];
        let k = 0;
        const answer = async () => {
          k += 1;
          found.wrong += !near((await model.run(frame(k))).answers, expected[k % 5]);
        };
        const causes = ['GpuFailed', 'DeviceLost', 'GpuFailed', 'GpuFailed', 'DeviceLost', 'GpuFailed', 'OutOfMemory'];
        for (const [losses, code] of causes.entries()) {
          await until(() => model.backend === lossy, `back for the ${losses}th time; ${model.choice.reason}`);
          await answer();
          orders.postMessage({ lose: lossy, code });
          for (let i = 0; rung().losses === losses && i < 500; ++i) await answer();
          // Whatever it is that answers meanwhile.
          await answer();
        }
        const { state, reason, losses, recoveries } = rung();
        found.visits.push({ state, why: /^[^:]*/.exec(reason)[0], losses, recoveries, backend: model.backend });
        await model.dispose();
      }
      return found;
    }, backend);
    const visit = { state: 'skipped', why: 'out of memory', losses: 7, recoveries: 6, backend: 'wasm' };
    assert.deepEqual(found, { wrong: 0, visits: [visit, visit] });
  });

  test(`a hundred losses of ${backend}, a hundred recoveries, no wrong answer, nothing left behind`, { timeout: 240_000 }, async () => {
    const page = await pages.openPage(browser, server);
    page.setDefaultTimeout(240_000);
    await page.evaluate(async (lossy) => {
      globalThis.expected = await expectedNumbers();
      globalThis.wrong = 0;
      globalThis.model = await load(
        { wasm: { run: 1000 }, [lossy]: { real: true, run: 1 } },
        // Rebuilt at once, while what was under way still fails.
        { backends: [lossy], recovery: { rebuilds: 1000, backoff: 0 } },
      );
      await decided(model);
    }, backend);
    const loseTo = (count) =>
      page.evaluate(
        async ([lossy, end]) => {
          for (let k = model.choice.rungs[lossy].losses; k < end; ++k) {
            await until(() => model.backend === lossy, `back for the ${k}th time; ${model.choice.reason}`);
            const answer = k % 2 ? model.run(frame(k)) : null;
            orders.postMessage({ lose: lossy });
            wrong += !near((await (answer ?? model.run(frame(k)))).answers, expected[k % 5]);
            await until(() => model.choice.rungs[lossy].losses === k + 1, 'the loss is counted');
          }
          await until(() => model.backend === lossy, 'back at last');
          wrong += !near((await model.run(frame(3))).answers, expected[3]);
        },
        [backend, count],
      );
    await loseTo(20);
    const before = await figures(page);
    await loseTo(100);
    const after = await figures(page);
    const { wrong, rung } = await page.evaluate((lossy) => ({ wrong, rung: model.choice.rungs[lossy] }), backend);
    assert.deepEqual([wrong, rung.losses, rung.recoveries], [0, 100, 100]);
    assert.deepEqual([before.workers, after.workers], [2, 2], 'one worker for each backend in use');
    // A MB for each loss, which is less than a worker takes, and 6 KB of the page's heap.
    for (const [what, most] of [['page', 80], ['gpu', 80], ['heap', 0.5]])
      assert.ok(after[what] - before[what] < most, `${what}: from ${before[what]} to ${after[what]} MB`);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

// What a page holds when what it has let go of is gone: its workers, the objects and the heap of its own thread, and the
// memory, in MB, of its process, where its workers are, and of the GPU's.
async function figures(page) {
  for (let i = 0; page.workers().length > 2 && i < 50; ++i) await page.waitForTimeout(100);
  const session = await page.context().newCDPSession(page);
  for (let i = 0; i < 3; ++i) await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  const system = await browser.newBrowserCDPSession();
  const { processInfo } = await system.send('SystemInfo.getProcessInfo');
  await system.detach();
  const resident = (wanted) =>
    processInfo
      .filter(({ type }) => type === wanted)
      .reduce((sum, { id }) => sum + Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1]) / 1024, 0);
  return { workers: page.workers().length, heap: usedSize / 2 ** 20, page: resident('renderer'), gpu: resident('GPU') };
}
