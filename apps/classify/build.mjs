// Builds the page into apps/classify/dist, for any static server. The package must have been built before.
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildIdentity } from '../../web/scripts/build_identity.mjs';

const app = dirname(fileURLToPath(import.meta.url));
const dist = resolve(app, 'dist');
const engine = resolve(app, '../../web/dist');

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await build({
  entryPoints: { app: resolve(app, 'src/main.ts'), style: resolve(app, 'src/style.css') },
  outdir: dist,
  define: buildIdentity(),
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: 'linked',
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg', 'samples']) cpSync(resolve(app, file), resolve(dist, file), { recursive: true });
// The engine loads these at run time from beside the page's script.
for (const file of readdirSync(engine).filter((name) => /\.wasm$|_worker\.js$|^gpu.*\.js$/.test(name)))
  cpSync(resolve(engine, file), resolve(dist, file));
