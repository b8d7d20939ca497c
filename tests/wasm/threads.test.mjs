// The module's threads, without a browser: helpers that come late, never, or trap, and the number that is chosen.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildRoot, missing } from '../differential/linnet.mjs';
import { bundleTypeScript, importTypeScript } from '../../web/test/bundle.mjs';
import { noise, smallClassifier } from '../e2e/small_models.mjs';

const modulePath = join(buildRoot, 'wasm-simd-threads', 'linnet.wasm');
const small = smallClassifier({ size: 96 });
const json = new TextEncoder().encode(JSON.stringify(small.json));
const image = noise(96 * 96 * 3, 5);

let Engine, helperScript;
before(async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../web/scripts/generate_abi.mjs', import.meta.url))]);
  ({ Engine } = await importTypeScript('web/src/worker/engine.ts'));
  helperScript = await bundleTypeScript('web/src/worker/helper_worker.ts');
});

// What a browser's worker has and Node.js's lacks, and the package's own helper in it.
const shim = `
  const { parentPort, workerData } = require('node:worker_threads');
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on('message', (data) => globalThis.onmessage({ data }));
  console.error = () => undefined;
  import(workerData).then(() => parentPort.postMessage('loaded'));`;

/** Starts a helper and waits until it is about to join. `change`: to what it is told. */
async function startHelper(engine, index, change = {}) {
  const worker = new Worker(shim, { eval: true, workerData: helperScript });
  const message = (wanted) => new Promise((resolve) => worker.on('message', (said) => said === wanted && resolve()));
  await message('loaded');
  const ready = message('ready');
  worker.postMessage({ ...engine.helperStart(index), ...change });
  await ready;
  return worker;
}

/** A session of `threads` threads, and a function that runs it and gives the output. */
async function open(threads, measured = false) {
  const engine = await Engine.create(new WebAssembly.Module(readFileSync(modulePath)), true);
  const { handle } = engine.openModel(json);
  engine.writeShard(handle, 0, small.weights);
  engine.endShard(handle, 0);
  const { handle: session, description } = engine.compile(handle, threads, 1, {}, measured);
  const [input] = description.inputs;
  const [output] = description.outputs;
  const run = () => {
    engine.wake(session);
    engine.bytes.set(new Uint8Array(image.buffer), input.address);
    engine.run(session);
    return [...engine.bytes.slice(output.address, output.address + output.bytes)];
  };
  return { engine, session, run };
}

describe('threads', { skip: missing(modulePath), timeout: 120_000 }, () => {
  let expected;
  before(async () => {
    expected = (await open(1)).run();
  });

  test('a session whose helpers never start runs all the same', async () => {
    const { engine, session, run } = await open(4);
    for (let i = 0; i < 5; ++i) assert.deepEqual(run(), expected);
    assert.equal(engine.threads(session), 4);
  });

  test('helpers may join between any two runs, and no bit changes', async () => {
    const { engine, run } = await open(3);
    const helpers = [];
    for (const index of [2, 1]) {
      for (let i = 0; i < 20; ++i) assert.deepEqual(run(), expected);
      helpers.push(await startHelper(engine, index));
    }
    const { allocations } = engine.heap();
    for (let i = 0; i < 100; ++i) assert.deepEqual(run(), expected);
    assert.equal(engine.heap().allocations, allocations, 'runs allocated');
    await Promise.all(helpers.map((helper) => helper.terminate()));
  });

  test('the number of threads is tried out without changing a bit', async () => {
    const { engine, session, run } = await open(2, true);
    const helper = await startHelper(engine, 1);
    const tried = [];
    for (let i = 0; i < 11; ++i) {
      tried.push(engine.threads(session));
      assert.deepEqual(run(), expected);
    }
    assert.deepEqual(tried, [2, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2]);
    await helper.terminate();
  });

  // A stack of so few bytes ends at address 0: the helper traps at once, or inside a kernel.
  for (const stackTop of [16, 256]) {
    test(`a helper that traps, with a stack of ${stackTop} bytes, ends the engine and not the wait`, async () => {
      const { engine, run } = await open(2);
      const helper = await startHelper(engine, 1, { stackTop });
      const runs = async () => {
        for (let i = 0; i < 20_000; ++i) {
          assert.deepEqual(run(), expected);
          await turn();
        }
      };
      await assert.rejects(runs, { name: 'LinnetError', code: 'EngineFailed' });
      assert.throws(run, { code: 'EngineFailed' });
      await helper.terminate();
    });
  }
});
