// Runs a WebAssembly command in Node.js with the host's standard streams, and exits with its status.
//
//   node [--experimental-wasm-relaxed-simd --no-liftoff] tests/ops/run_wasi.mjs MODULE.wasm [ARGUMENT...]
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

/** The limits of the memory that a module imports as `{initial, maximum, shared}`, in pages; undefined: none. */
function importedMemory(bytes) {
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const limits = () => {
    const flags = number();
    return { initial: number(), maximum: flags & 1 ? number() : undefined, shared: (flags & 2) !== 0 };
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const end = number() + at;
    if (section !== 2) {
      at = end;
      continue;
    }
    for (let left = number(); left > 0; left--) {
      for (let name = 0; name < 2; name++) at = number() + at;
      const kind = bytes[at++];
      if (kind === 0) number();
      else if (kind === 1) at++, limits();
      else if (kind === 2) return limits();
      else at += 2;
    }
  }
  return undefined;
}

const [path, ...args] = process.argv.slice(2);
const bytes = await readFile(path);
const wasi = new WASI({ version: 'preview1', args: [path, ...args], env: {}, returnOnExit: true });
const limits = importedMemory(bytes);
const memory = limits && new WebAssembly.Memory(limits);
const { instance } = await WebAssembly.instantiate(bytes, {
  wasi_snapshot_preview1: wasi.wasiImport,
  env: { memory },
});
// A memory that is imported need not be exported again, and Node.js looks for it among the exports.
process.exitCode = wasi.start({ exports: { ...instance.exports, memory: memory ?? instance.exports.memory } });
