// Builds the package into web/dist: the engine's variants, the scripts and the types.
//   node scripts/build.mjs [--no-wasm]     --no-wasm takes those .wasm files that an earlier build left
// LINNET_BUILD_ROOT (default: build) holds the engine's builds.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(web);
const builds = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');
const dist = resolve(web, 'dist');
const variants = ['simd', 'relaxed', 'simd-threads', 'relaxed-threads'];
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

const moduleOf = (variant) => resolve(builds, `wasm-${variant}/linnet.wasm`);
const liveModule = resolve(builds, 'wasm-simd/linnet-live.wasm');

if (!process.argv.includes('--no-wasm')) {
  for (const variant of variants) {
    const folder = dirname(moduleOf(variant));
    run('cmake', '--preset', `wasm-${variant}`, '-B', folder, '--log-level=WARNING');
    run('cmake', '--build', folder, '--target', 'linnet', ...(variant === 'simd' ? ['linnet-live', 'linnet-gpu'] : []));
  }
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const variant of variants)
  if (existsSync(moduleOf(variant))) copyFileSync(moduleOf(variant), resolve(dist, `linnet-${variant}.wasm`));
if (existsSync(liveModule)) copyFileSync(liveModule, resolve(dist, 'linnet-live.wasm'));
const gpuModule = resolve(builds, 'wasm-simd/linnet-gpu.wasm');
if (existsSync(gpuModule)) copyFileSync(gpuModule, resolve(dist, 'linnet-gpu.wasm'));

run(process.execPath, resolve(web, 'scripts/generate_abi.mjs'));
await build({
  entryPoints: {
    linnet: resolve(web, 'src/index.ts'),
    engine_worker: resolve(web, 'src/worker/engine_worker.ts'),
    helper_worker: resolve(web, 'src/worker/helper_worker.ts'),
    probe_worker: resolve(web, 'src/worker/probe_worker.ts'),
    gpu: resolve(web, 'src/gpu/backend.ts'),
  },
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: 'linked',
  logLevel: 'warning',
});
run(
  process.execPath,
  resolve(root, 'node_modules/typescript/bin/tsc'),
  ...['-p', web, '--noEmit', 'false', '--emitDeclarationOnly', '--declaration', '--stripInternal'],
  ...['--outDir', resolve(dist, 'types')],
);
