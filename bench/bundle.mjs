// Bundles the peers' adapters as an application would ship them, so that the bytes of their code compare.
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('peers', import.meta.url));

// LiteRT.js's script refuses tensors of int8, which its engine takes; the type is added to the script's list.
const liteRtTakesInt8 = {
  name: 'litert-int8',
  setup(build) {
    build.onLoad({ filter: /@litertjs[/]core[/]dist[/]index[.]js$/ }, ({ path }) => {
      const list = 'var DATATYPES = Object.freeze([';
      const text = readFileSync(path, 'utf8');
      if (!text.includes(list)) throw new Error(`${path} has no '${list}'`);
      return { contents: text.replace(list, `${list}{dtype:"int8",typedArrayConstructor:Int8Array,elementType:ElementType.INT8},`) };
    });
  },
};

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
    plugins: [liteRtTakesInt8],
    // TensorFlow.js has branches for Node.js.
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
}
