// What pages remember of the choice among backends, with rungs that behave as told.
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
const openPage = (context) => pages.openPage(browser, server, context);

// One page that loads the model and waits for the choice.
const visitIn = (context, options = {}, adapter = 'one') =>
  inPage(
    async ([given, name]) => {
      const model = await load({ wasm: { run: 20 }, webgpu: { run: 5 }, webgl2: { run: 30 }, adapter: name }, given);
      await decided(model);
      const { backend, choice } = model;
      await model.dispose();
      return { backend, loads, reason: choice.reason };
    },
    [options, adapter],
    context,
  );

test('remembers its choice, until something that it depends on changes', async () => {
  const context = await browser.newContext();
  const visit = (options, adapter) => visitIn(context, options, adapter);
  const everything = ['wasm', 'webgpu', 'webgl2'];
  assert.deepEqual((await visit({}, 'one')).loads, everything);
  const second = await visit({}, 'one');
  assert.deepEqual([second.backend, second.loads], ['webgpu', ['wasm', 'webgpu']]);
  assert.match(second.reason, /^WebGPU, measured 5\.0 ms; WebGL2 30\.0 ms; WASM 20\.0 ms$/);
  assert.deepEqual((await visit({ appVersion: '2' }, 'one')).loads, everything);
  assert.deepEqual((await visit({ appVersion: '2' }, 'one')).loads, ['wasm', 'webgpu']);
  assert.deepEqual((await visit({ appVersion: '2' }, 'another')).loads, everything);
  assert.deepEqual((await visit({ appVersion: '2', remember: false }, 'another')).loads, everything);
  await context.close();
});

test('another engine, model, browser or option has the choice made anew', async () => {
  const everything = ['wasm', 'webgpu', 'webgl2'];
  const anew = {
    options: [{ precision: 'f32' }, { prepareOn: 'cpu' }, { inputShapes: { image: [1, 48, 48, 3] } }],
    location: [{ location: '/other/' }],
  };
  const context = await browser.newContext();
  assert.deepEqual((await visitIn(context, { backends: ['webgl2'] })).loads, ['wasm', 'webgl2']);
  const first = await visitIn(context);
  assert.deepEqual([first.backend, first.loads], ['webgpu', everything]);
  for (const options of [...anew.options, ...anew.location])
    assert.deepEqual((await visitIn(context, options)).loads, everything, JSON.stringify(options));
  const storageState = await context.storageState({ indexedDB: true });
  await context.close();

  // The same storage in another browser, and with a package that another build gave.
  const later = async (options, change) => {
    const again = await browser.newContext({ storageState, ...options });
    await change?.(again);
    const { loads } = await visitIn(again, anew.location[0]);
    await again.close();
    return loads;
  };
  assert.deepEqual(await later({}), ['wasm', 'webgpu']);
  assert.deepEqual(await later({ userAgent: 'Another/1.0' }), everything);
  const otherBuild = (again) =>
    again.route(/\/climb-.*\.js$/, async (route) => {
      const response = await route.fetch();
      const script = await response.text();
      const changed = script.replace(/("\d+\.\d+\.\d+-)[0-9a-f]{16}"/, '$10123456789abcdef"');
      assert.notEqual(changed, script);
      await route.fulfill({ response, body: changed });
    });
  assert.deepEqual(await later({}, otherBuild), everything);
});

test('remembers each configuration by itself, a bounded number of them, until it is told to forget', async () => {
  const context = await browser.newContext();
  const everything = ['wasm', 'webgpu', 'webgl2'];
  // What an earlier page has left: more than are kept.
  await inPage(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open('linnet');
        request.onupgradeneeded = () => request.result.createObjectStore('choices');
        request.onsuccess = () => {
          const write = request.result.transaction('choices', 'readwrite');
          write.objectStore('choices').put(Array.from({ length: 40 }, (_, i) => [`old ${i}`, '']), 'all');
          write.oncomplete = () => resolve(request.result.close());
        };
        request.onerror = reject;
      }),
    null,
    context,
  );
  for (const appVersion of ['1', '2']) assert.deepEqual((await visitIn(context, { appVersion })).loads, everything);
  for (const appVersion of ['1', '2']) assert.deepEqual((await visitIn(context, { appVersion })).loads, ['wasm', 'webgpu']);
  const kept = await inPage(
    () =>
      new Promise((resolve) => {
        indexedDB.open('linnet').onsuccess = ({ target }) => {
          const read = target.result.transaction('choices').objectStore('choices').get('all');
          read.onsuccess = () => resolve(read.result.map(([key]) => key));
        };
      }),
    null,
    context,
  );
  assert.equal(kept.length, 32);
  assert.deepEqual([kept[2], kept.at(-1)], ['old 0', 'old 29']);
  await inPage(() => linnet.forgetChoices(), null, context);
  assert.deepEqual((await visitIn(context, { appVersion: '1' })).loads, everything);
  await context.close();
});

test('a backend whose opening ended the page is not opened again by the next', async () => {
  const everything = ['wasm', 'webgpu', 'webgl2'];
  // A page that is opening WebGPU and will not come to an end of it.
  const opening = async (context) => {
    const page = await openPage(context);
    await page.evaluate(async () => {
      await load({ wasm: { run: 20 }, webgpu: { slow: 1e6 }, adapter: 'one' });
      await until(() => loads.includes('webgpu'), 'opening WebGPU');
    });
    return page;
  };
  const crashed = await browser.newContext();
  const victim = await opening(crashed);
  const gone = new Promise((resolve) => victim.once('crash', resolve));
  (await crashed.newCDPSession(victim)).send('Page.crash').catch(() => undefined);
  await gone;
  const second = await visitIn(crashed);
  assert.deepEqual(second.loads, ['wasm', 'webgl2']);
  assert.match(second.reason, /WebGPU skipped: a page ended while it was opened/);
  // It was told once.
  assert.deepEqual((await visitIn(crashed, { appVersion: '2' })).loads, everything);
  await crashed.close();

  // Neither a page that is still at it nor one that was closed has crashed.
  const orderly = await browser.newContext();
  const page = await opening(orderly);
  assert.deepEqual((await visitIn(orderly, { appVersion: '1' })).loads, everything);
  await page.goto('about:blank');
  assert.deepEqual((await visitIn(orderly, { appVersion: '2' })).loads, everything);
  await (await opening(orderly)).close();
  assert.deepEqual((await visitIn(orderly, { appVersion: '3' })).loads, everything);
  await orderly.close();
});

test('a remembered WASM spares the others', async () => {
  const context = await browser.newContext();
  const visit = () =>
    inPage(
      async () => {
        const model = await load({ wasm: { run: 2 }, webgpu: { run: 5 }, webgl2: { run: 30 } });
        await decided(model);
        const { reason } = model.choice;
        await model.dispose();
        return { loads, reason };
      },
      null,
      context,
    );
  await visit();
  assert.deepEqual(await visit(), { loads: ['wasm'], reason: 'WASM, remembered 2.0 ms; WebGPU 5.0 ms; WebGL2 30.0 ms' });
  await context.close();
});
