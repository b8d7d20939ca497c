// Every op's cases in every WebAssembly variant: the kernels that browsers run, against the reference kernels.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { relaxedFlags } from './relaxed.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const builds = resolve(here, '../..', process.env.LINNET_BUILD_ROOT ?? 'build');

const node = (...args) => spawnSync(process.execPath, ['--no-warnings', ...args], { encoding: 'utf8', timeout: 300_000 });

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
