// Runs a WebAssembly command in Chromium, whose V8 may be newer than Node.js's.
import { basename, dirname } from 'node:path';
import { launch } from '../tests/e2e/harness.mjs';
import { serve } from '../web/scripts/static_server.mjs';

// What runs in the page: the few functions of WASI that a program needs which writes text and reads the clock.
async function runInPage([program, args]) {
  const success = 0, badFile = 8;
  const text = { 1: '', 2: '' };
  const decoder = new TextDecoder();
  const names = ['program', ...args].map((name) => new TextEncoder().encode(`${name}\0`));
  let memory;
  const view = () => new DataView(memory.buffer);
  const calls = {
    args_sizes_get(count, size) {
      view().setUint32(count, names.length, true);
      view().setUint32(size, names.reduce((sum, { length }) => sum + length, 0), true);
      return success;
    },
    args_get(pointers, at) {
      for (const [i, name] of names.entries()) {
        view().setUint32(pointers + 4 * i, at, true);
        new Uint8Array(memory.buffer).set(name, at);
        at += name.length;
      }
      return success;
    },
    clock_time_get(_, precision, at) {
      view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
      return success;
    },
    fd_fdstat_get(_, at) {
      new Uint8Array(memory.buffer, at, 24).fill(0);
      return success;
    },
    fd_write(file, pieces, count, written) {
      let bytes = 0;
      for (let i = 0; i < count; ++i) {
        const length = view().getUint32(pieces + 8 * i + 4, true);
        text[file] += decoder.decode(new Uint8Array(memory.buffer, view().getUint32(pieces + 8 * i, true), length));
        bytes += length;
      }
      view().setUint32(written, bytes, true);
      return success;
    },
    proc_exit(status) {
      throw { status };
    },
  };
  const imports = new Proxy(calls, { get: (all, name) => all[name] ?? (() => badFile), has: () => true });
  const { instance } = await WebAssembly.instantiateStreaming(fetch(program), { wasi_snapshot_preview1: imports });
  memory = instance.exports.memory;
  let status = 0;
  try {
    instance.exports._start();
  } catch (error) {
    if (error.status === undefined) throw error;
    status = error.status;
  }
  return { status, stdout: text[1], stderr: text[2] };
}

/** Runs the module at `path` in a fresh browser, by V8's optimising compiler alone. Gives what it wrote to stdout. */
export async function runInChromium(path, args) {
  const server = await serve({
    mounts: [['/', dirname(path)]],
    documents: { '/page.html': '<!doctype html><title>Kernels</title>' },
  });
  const browser = await launch({ flags: ['--js-flags=--no-liftoff'] });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}/page.html`);
    const { status, stdout, stderr } = await page.evaluate(runInPage, [`/${basename(path)}`, args]);
    if (status !== 0) throw new Error(stderr || `it ended with status ${status}`);
    return stdout;
  } finally {
    await browser.close();
    await server.close();
  }
}
