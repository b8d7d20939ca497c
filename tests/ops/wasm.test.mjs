// Every op's cases in every WebAssembly variant: the kernels that browsers run, against the reference kernels.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const builds = resolve(here, '../..', process.env.LINNET_BUILD_ROOT ?? 'build');

// A module with one function: f32x4.relaxed_madd of zeros.
const relaxedModule = '0061736d010000000105016000017b030201000a130111004100fd0f4100fd0f4100fd0ffd85020b';

const node = (...args) => spawnSync(process.execPath, ['--no-warnings', ...args], { encoding: 'utf8', timeout: 300_000 });

/**
 * The flags with which this Node.js runs relaxed SIMD; undefined when it does not. Where that is experimental (20), the
 * baseline compiler adds a relaxed dot product to itself in place of its addend.
 */
function relaxedFlags() {
  const script = `process.exit(WebAssembly.validate(Buffer.from('${relaxedModule}', 'hex')) ? 0 : 1)`;
  return [[], ['--experimental-wasm-relaxed-simd', '--no-liftoff']].find((flags) => node(...flags, '-e', script).status === 0);
}

const relaxed = relaxedFlags();

for (const variant of ['simd', 'relaxed', 'simd-threads', 'relaxed-threads']) {
  const flags = variant.startsWith('relaxed') ? relaxed : [];
  const skip = flags ? false : `Node.js ${process.version} has no relaxed SIMD`;
  test(`the op cases pass as WebAssembly, variant ${variant}`, { skip }, (context) => {
    const module = join(builds, `wasm-${variant}`, 'linnet_optest.wasm');
    const run = node(...flags, join(here, 'run_wasi.mjs'), module);
    assert.equal(run.status, 0, `${run.error ?? ''}\n${run.stdout}\n${run.stderr}`);
    const summary = run.stdout.trim().split('\n').at(-1);
    assert.match(summary, /^[1-9]\d* passed, 0 failed/);
    context.diagnostic(summary);
  });
}
