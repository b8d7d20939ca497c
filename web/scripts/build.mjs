// Builds the package into web/dist: the engine's variants, the scripts and the types.
//   node scripts/build.mjs [--no-wasm]     --no-wasm takes those .wasm files that an earlier build left
// LINNET_BUILD_ROOT (default: build) holds the engine's builds.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildIdentity } from './build_identity.mjs';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(web);
const builds = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');
const dist = resolve(web, 'dist');
const variants = ['simd', 'relaxed', 'simd-threads', 'relaxed-threads'];
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

// Where each module is built, and what it is called in the package.
const modules = [
  ...variants.map((variant) => [`wasm-${variant}/shipped/linnet.wasm`, `linnet-${variant}.wasm`]),
  ...['linnet-live.wasm', 'linnet-gpu.wasm', 'linnet-frames.wasm'].map((name) => [`wasm-simd/shipped/${name}`, name]),
];

if (!process.argv.includes('--no-wasm')) {
  for (const variant of variants) {
    const folder = resolve(builds, `wasm-${variant}`);
    run('cmake', '--preset', `wasm-${variant}`, '-B', folder, '--log-level=WARNING');
    run('cmake', '--build', folder, '--target', 'shipped_modules');
  }
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const [built, name] of modules) if (existsSync(resolve(builds, built))) copyFileSync(resolve(builds, built), resolve(dist, name));

run(process.execPath, resolve(web, 'scripts/generate_abi.mjs'));
const options = { define: buildIdentity(), outdir: dist, bundle: true, format: 'esm', target: 'es2022', minify: true, sourcemap: 'linked', logLevel: 'warning' };
const source = (name) => resolve(web, 'src', name);
// The ladder becomes a script that the package's own one imports when it is needed.
await build({ ...options, entryPoints: { linnet: source('index.ts') }, splitting: true });
await build({
  ...options,
  entryPoints: {
    engine_worker: source('worker/engine_worker.ts'),
    helper_worker: source('worker/helper_worker.ts'),
    probe_worker: source('worker/probe_worker.ts'),
    draw: source('worker/draw.ts'),
    'gpu-frames': source('gpu/frames.ts'),
  },
});
// Each API's host becomes a script of its own, so that a page fetches those alone that it tries.
await build({
  ...options,
  entryPoints: { gpu: source('gpu/backend.ts'), 'gpu-webgl2': source('gpu/webgl2.ts'), 'gpu-webgpu': source('gpu/webgpu.ts') },
  splitting: true,
  chunkNames: 'gpu-[name]-[hash]',
});
run(
  process.execPath,
  resolve(root, 'node_modules/typescript/bin/tsc'),
  ...['-p', web, '--noEmit', 'false', '--emitDeclarationOnly', '--declaration', '--stripInternal'],
  ...['--outDir', resolve(dist, 'types')],
);
