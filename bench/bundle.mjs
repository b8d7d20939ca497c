// Bundles the peers' adapters as an application would ship them, so that the bytes of their code compare.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('peers', import.meta.url));

/** Writes one script for each adapter, and what it loads later, into `outdir`. */
export async function bundlePeers(adapters, outdir) {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [...new Set(adapters)].map((name) => `${folder}/${name}.mjs`),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    logLevel: 'warning',
    // TensorFlow.js has branches for Node.js.
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
}
