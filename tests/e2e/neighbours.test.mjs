// What befalls one of several models in a thread and on a GPU is not the others' business, and what it made goes with it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { gpuFlags, launch, modelDocuments, openPackagePage, startServer } from './harness.mjs';
import { inOpenPage } from './ladder_pages.mjs';
import { loop, smallClassifier, sumOfNothing } from './small_models.mjs';

let browser, server, page;
before(async () => {
  browser = await launch({ flags: [...gpuFlags, '--js-flags=--expose-gc'] });
  server = await startServer({
    documents: {
      // Below it is the package with a worker that tells what goes on in it.
      '/watched/engine_worker.js': readFileSync(new URL('pages/watched_worker.js', import.meta.url)),
      ...modelDocuments('/loop', loop([1, 1030])),
      ...modelDocuments('/small', smallClassifier({ size: 48 })),
      ...modelDocuments('/watched/small', smallClassifier({ size: 48 })),
      ...modelDocuments('/nothing', sumOfNothing()),
    },
    mounts: [['/watched/', fileURLToPath(new URL('../../web/dist/', import.meta.url))]],
  });
  page = await openWatchedPage();
});
after(async () => {
  await browser.close();
  await server.close();
});

async function openWatchedPage() {
  const opened = await openPackagePage(browser, server.url);
  await opened.evaluate(helpers);
  return opened;
}

const inPage = (task, argument) => inOpenPage(page, task, argument);

/** Runs `task` in a page of its own, to which the package's files `held` come once it says `release(NAME)`. */
async function withHeld(held, task, argument) {
  const own = await openWatchedPage();
  const release = {};
  for (const name of held) {
    const released = new Promise((resolve) => (release[name] = resolve));
    await own.route(`**/watched/${name}`, (route) => released.then(() => route.continue()));
  }
  await own.exposeFunction('release', (name) => release[name]());
  try {
    return await inOpenPage(own, task, argument);
  } finally {
    await own.context().close();
  }
}

// What the tests' page can use.
async function helpers() {
  await import('/watched_gpu.js');
  globalThis.until = async (holds, what) => {
    for (let i = 0; i < 1500; ++i) {
      if (await holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`never: ${what}`);
  };
  const channel = new BroadcastChannel('watched worker');
  let orders = 0;
  globalThis.order = async (what) => {
    const number = ++orders;
    let answer = null;
    const answered = ({ data }) => data.number === number && (answer = data);
    channel.addEventListener('message', answered);
    channel.postMessage({ number, ...what });
    await until(() => answer, 'that the worker answers');
    channel.removeEventListener('message', answered);
    return answer;
  };
  // Lets a script come that was held, and what waits for it go on.
  globalThis.releaseScript = async (name) => {
    await release(name);
    await import(`/watched/${name}`);
    for (let i = 0; i < 3; ++i) await new Promise((resolve) => setTimeout(resolve));
  };
  globalThis.watched = (url, options) => linnet.loadModel(url, { assets: '/watched/', threads: 1, ...options });
  const step = Float32Array.from({ length: 1030 }, (_, i) => i);
  // Whether a model of /loop/ answers as it should.
  globalThis.answers = async (model) => {
    const { next, product } = await model.run({ state: new Float32Array(1030).fill(1), step });
    return next.every((value, i) => value === 1 + i) && product.every((value, i) => value === (1 + i) * i);
  };
}

for (const backend of ['webgpu', 'webgl2']) {
  describe(`models on one ${backend}`, () => {
    test('are told of its loss as long as they are there', async () => {
      const told = await inPage(async (backend) => {
        const models = [await watched('/loop/', { backend })];
        for (let i = 1; i < 4; ++i) models.push(await watched('/loop/', { beside: models[0] }));
        for (const gone of [models[1], models[2]]) await gone.dispose();
        await errorOf(() => watched('/nowhere/', { beside: models[0] }));
        const { told } = await order({ lose: backend });
        await Promise.all(models.map((model) => model.dispose()));
        return told;
      }, backend);
      assert.equal(told, 2);
    });

    test('hold nothing of those that have gone', async () => {
      const held = await inPage(async (backend) => {
        const memories = [];
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (...given) => {
          const instance = await instantiate(...given);
          if (instance.exports.session_run) memories.push(new WeakRef(instance.exports.memory));
          return instance;
        };
        const model = await linnet.loadModel('/loop/', { backend, worker: false });
        for (let i = 0; i < 3; ++i) await (await linnet.loadModel('/loop/', { beside: model })).dispose();
        WebAssembly.instantiate = instantiate;
        const alive = () => memories.map((memory) => memory.deref() !== undefined);
        // The engines of models that have gone are garbage, which takes a few rounds to find.
        for (let i = 0; i < 20 && alive().filter(Boolean).length > 1; ++i) await gc({ execution: 'async', type: 'major' });
        const held = alive();
        const right = await answers(model);
        await model.dispose();
        return { held, right };
      }, backend);
      assert.deepEqual(held, { held: [true, false, false, false], right: true });
    });

    test('go on where the engine of one traps, which leaves nothing on the GPU', async () => {
      const found = await inPage(async (backend) => {
        const first = await watched('/loop/', { backend });
        const { alive } = await order({});
        const results = [];
        for (let engine = 1; engine < 3; ++engine) {
          const other = await watched('/nothing/', { beside: first });
          const row = Float32Array.of(1, 2, 3, 4);
          const { double } = await other.run(row);
          const made = (await order({ trap: engine })).alive > alive;
          const codes = [];
          for (const task of [() => other.run(row), () => other.heap()]) codes.push((await errorOf(task)).code);
          await other.dispose();
          results.push({ double: double.join(), made, codes, left: (await order({})).alive - alive, right: await answers(first) });
        }
        // Another finds its place as before.
        const last = await watched('/loop/', { beside: first });
        await first.dispose();
        const right = await answers(last);
        await last.dispose();
        return { results, right };
      }, backend);
      const expected = { double: '2,4,6,8', made: true, codes: ['EngineFailed', 'EngineFailed'], left: 0, right: true };
      assert.deepEqual(found, { results: [expected, expected], right: true });
    });

    test('leave nothing there where loading fails or is called off', async () => {
      const found = await inPage(async (backend) => {
        const first = await linnet.loadModel('/loop/', { backend, worker: false });
        const left = gpu.alive.size;
        const found = {};
        const settled = () => until(() => gpu.alive.size === left, 'that everything is given back').then(() => 'nothing', () => gpu.alive.size - left);
        // Of so many calls of a kind the last is spoiled; with `spoil` itself a fault of that kind, else loading is called off.
        const attempt = async (name, count, spoil) => {
          const stop = new AbortController();
          let calls = 0;
          let made = 0;
          gpu.before[name] = (given) => {
            if (++calls !== count) return;
            made = gpu.alive.size - left;
            if (spoil) spoil(given);
            else stop.abort();
          };
          const { code } = await errorOf(() => linnet.loadModel('/small/', { beside: first, signal: stop.signal }));
          delete gpu.before[name];
          found[`${name} ${count}`] = { code, made: made > 0, left: await settled(), right: await answers(first) };
        };
        if (backend === 'webgpu') {
          await attempt('createBuffer', 3, ([descriptor]) => (descriptor.size = 2 ** 45));
          await attempt('createShaderModule', 2, ([descriptor]) => (descriptor.code += '!'));
          await attempt('createBuffer', 2);
          await attempt('createComputePipelineAsync', 1);
        } else {
          await attempt('texStorage3D', 2, (given) => (given[3] = 2 ** 20));
          await attempt('shaderSource', 3, (given) => (given[1] += '!'));
          await attempt('createTexture', 3);
          await attempt('createProgram', 2);
        }
        const { opened, closed } = gpu;
        await first.dispose();
        return { found, same: [gpu.opened - opened, gpu.closed - closed] };
      }, backend);
      const codes = ['GpuFailed', 'GpuFailed', 'Aborted', 'Aborted'];
      assert.deepEqual(Object.values(found.found), codes.map((code) => ({ code, made: true, left: 'nothing', right: true })));
      assert.deepEqual(found.same, [0, 1]);
    });

    test('open none for loading that is over before the scripts have come', async () => {
      const script = `gpu-${backend}.js`;
      const opened = await withHeld(['gpu.js', script], async ({ backend, script }) => {
        const here = { backend, worker: false };
        const seen = [];
        const see = async (loading) => seen.push((await loading).code, gpu.opened, gpu.closed);
        // What fails waits for neither script, nor does what is called off beside a model that goes as well.
        await see(errorOf(() => watched('/nowhere/', here)));
        const first = await linnet.loadModel('/loop/', here);
        const stop = new AbortController();
        const loading = errorOf(() => watched('/loop/', { beside: first, signal: stop.signal }));
        stop.abort();
        await loading;
        const [beside, kept] = [0, 1].map(() => {
          const stop = new AbortController();
          return { stop, loading: watched('/loop/', { beside: first, signal: stop.signal }) };
        });
        beside.loading.catch(() => {});
        await first.dispose();
        await releaseScript('gpu.js');
        seen.push(gpu.opened, gpu.closed);
        // Two wait for one GPU; the first of them no longer wants it.
        beside.stop.abort();
        await see(errorOf(() => beside.loading));
        await releaseScript(script);
        const last = await kept.loading;
        seen.push(await answers(last), gpu.opened, gpu.closed);
        await last.dispose();
        await until(() => gpu.closed === 2, 'that what was called off has gone too');
        return [...seen, gpu.opened];
      }, { backend, script });
      assert.deepEqual(opened, ['Network', 0, 0, 1, 1, 'Aborted', 1, 1, true, 2, 1, 2]);
      const none = await withHeld([script], async ({ backend, script }) => {
        const stop = new AbortController();
        const loading = errorOf(() => watched('/loop/', { backend, worker: false, signal: stop.signal }));
        await import('/watched/gpu.js');
        stop.abort();
        const { code } = await loading;
        await releaseScript(script);
        return [code, gpu.opened];
      }, { backend, script });
      assert.deepEqual(none, ['Aborted', 0]);
    });

    test('compile nothing for loading that is called off while the model comes', async () => {
      const made = await withHeld(['small/weights.bin'], async (backend) => {
        const stop = new AbortController();
        const loading = errorOf(() => linnet.loadModel('/watched/small/', { backend, worker: false, signal: stop.signal }));
        await until(() => (backend === 'webgpu' ? gpu.device : gpu.gl), 'opened');
        stop.abort();
        const { code } = await loading;
        let made = 0;
        for (const what of ['createBuffer', 'createTexture', 'createProgram']) gpu.before[what] = () => (made += 1);
        await release('small/weights.bin');
        await until(() => gpu.closed, 'closed');
        return [code, made, gpu.opened, gpu.closed];
      }, backend);
      assert.deepEqual(made, ['Aborted', 0, 1, 1]);
    });

    test('close the ports of those that have gone or never came', async () => {
      const ports = await inPage(async (backend) => {
        const closed = [];
        const { close } = MessagePort.prototype;
        MessagePort.prototype.close = function () {
          closed.push(this);
          close.call(this);
        };
        const first = await watched('/loop/', { backend });
        const second = await watched('/small/', { beside: first });
        const third = await watched('/loop/', { beside: second });
        await third.dispose();
        await errorOf(() => watched('/nowhere/', { beside: first }));
        const stop = new AbortController();
        const loading = errorOf(() => watched('/small/', { beside: first, signal: stop.signal }));
        stop.abort();
        await loading;
        await second.dispose();
        let ports;
        await until(async () => ({ ports } = await order({})).ports.closed === 4, 'that the worker closes its ports');
        MessagePort.prototype.close = close;
        await first.dispose();
        return { here: new Set(closed).size, ...ports };
      }, backend);
      assert.deepEqual(ports, { here: 4, opened: 4, closed: 4 });
    });
  });
}

test('an error of WebGL2 is told to none but the model that caused it', async () => {
  const found = await inPage(async () => {
    const codes = {};
    const first = await linnet.loadModel('/loop/', { backend: 'webgl2', worker: false });
    const second = await linnet.loadModel('/loop/', { beside: first });
    const { gl } = gpu;
    const spoil = () => {
      delete gpu.before.drawArrays;
      gl.enable(1);
    };
    const step = Float32Array.from({ length: 1030 }, (_, i) => i);
    const state = new Float32Array(1030).fill(1);
    const of = async (task) => (await errorOf(task)).code;
    const load = async (what) => {
      codes[what] = 'none';
      const model = await linnet.loadModel('/loop/', { beside: first }).catch(({ code }) => void (codes[what] = code));
      if (model && !(await answers(model))) codes[what] = 'a wrong answer';
      await model?.dispose();
    };
    const { next } = await first.runKept({ state, step });
    gpu.before.drawArrays = spoil;
    codes.run = await of(() => second.run({ state, step }));
    codes.others = await of(() => next.read());
    gpu.before.drawArrays = spoil;
    const wrong = await second.runKept({ state, step });
    codes.right = [await answers(first), await answers(second)];
    codes.kept = [await of(() => wrong.next.read()), await of(() => wrong.product.draw(new OffscreenCanvas(1, 1)))];
    codes.fed = await of(() => first.run({ state: wrong.next, step }));
    gpu.before.drawArrays = spoil;
    const same = await second.runKept({ state, step });
    codes.chain = await of(() => second.run({ state: same.product, step }));
    // There is no room for what is kept.
    gpu.before.texStorage3D = (given) => (given[3] = 2 ** 20);
    const lost = await first.runKept({ state, step });
    delete gpu.before.texStorage3D;
    await load('before');
    codes.own = await of(() => lost.next.read());
    codes.again = await of(() => next.read());
    // While its programs are being linked, where the browser tells of that.
    const COMPLETION_STATUS_KHR = 0x91b1;
    let linking = 'asked for';
    gpu.instead.getExtension = (call, [name]) => (name === 'KHR_parallel_shader_compile' ? { COMPLETION_STATUS_KHR } : call());
    gpu.instead.getProgramParameter = (call, [, name]) => {
      if (name !== COMPLETION_STATUS_KHR) return call();
      if (linking === 'asked for') {
        gpu.before.drawArrays = spoil;
        of(() => second.run({ state, step })).then((code) => {
          codes.meantime = code;
          linking = 'done';
        });
      }
      if (linking !== 'done') linking = 'under way';
      return linking === 'done';
    };
    await load('meanwhile');
    gpu.instead = {};
    codes.linking = linking;
    codes.right.push(await answers(first), await answers(second));
    for (const model of [second, first]) await model.dispose();
    return codes;
  });
  const failed = 'GpuFailed';
  const expected = { run: failed, others: 'none', kept: [failed, failed], fed: failed, chain: failed, own: failed, again: 'none' };
  assert.deepEqual(found, { ...expected, before: 'none', meanwhile: 'none', meantime: failed, linking: 'done', right: [true, true, true, true] });
});

test('nothing is answered that WebGL2 had no memory for', async () => {
  const found = await inPage(async () => {
    const model = await linnet.loadModel('/loop/', { backend: 'webgl2', worker: false });
    // The buffer by which results come back gets no memory.
    let error = 0;
    gpu.instead.bufferData = () => void (error = gpu.gl.OUT_OF_MEMORY);
    gpu.instead.getError = (call) => {
      const reported = error || call();
      error = 0;
      return reported;
    };
    const codes = [];
    const row = new Float32Array(1030);
    for (let i = 0; i < 3; ++i) codes.push((await errorOf(() => model.run({ state: row, step: row }))).code);
    gpu.instead = {};
    await model.dispose();
    return codes;
  });
  assert.deepEqual(found, ['OutOfMemory', 'GpuFailed', 'GpuFailed']);
});

test('nothing is answered of what WebGPU reports errors', async () => {
  const found = await inPage(async () => {
    const step = Float32Array.from({ length: 1030 }, (_, i) => i);
    const state = new Float32Array(1030).fill(1);
    const invalid = (given) => {
      delete gpu.before.submit;
      const encoder = gpu.device.createCommandEncoder();
      encoder.pushDebugGroup('never closed');
      given[0] = [...given[0], encoder.finish()];
    };
    const memory = () => {
      delete gpu.before.submit;
      gpu.device.createBuffer({ size: gpu.device.limits.maxBufferSize, usage: GPUBufferUsage.STORAGE });
    };
    // `task` gets two models on one GPU, and fails; then both are told.
    const attempt = async (spoil, task) => {
      const first = await linnet.loadModel('/loop/', { backend: 'webgpu', worker: false });
      const second = await linnet.loadModel('/loop/', { beside: first });
      const right = (await answers(first)) && (await answers(second));
      const { code } = await errorOf(() => task(first, second, () => (gpu.before.submit = spoil)));
      const ended = [await errorOf(() => first.run({ state, step })), await errorOf(() => second.run({ state, step }))];
      for (const model of [second, first]) await model.dispose();
      return [right, code, ...ended.map((error) => error.code)].join();
    };
    const kept = (model, order) => (order(), model.runKept({ state, step }));
    const tasks = [
      (first, _, order) => (order(), first.run({ state, step })),
      async (first, _, order) => (await kept(first, order)).next.read(),
      async (first, _, order) => (await kept(first, order)).product.draw(new OffscreenCanvas(1, 1)),
      async (first, second, order) => second.run({ state: (await kept(first, order)).next, step }),
      async (first, _, order) => {
        const { next } = await first.runKept({ state, step });
        order();
        return next.read();
      },
    ];
    const results = [];
    for (const task of tasks) results.push(await attempt(invalid, task), await attempt(memory, task));
    return results;
  });
  const each = (code) => [true, code, code, code].join();
  for (let i = 0; i < found.length; ++i) assert.equal(found[i], each(i % 2 ? 'OutOfMemory' : 'GpuFailed'), `task ${i >> 1}`);
});
