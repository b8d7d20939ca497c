// Lets a test import a TypeScript module of the workspace.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'linnet-web-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** The address of the bundled module at `path`, relative to the repository's root. It is there while this process is. */
export async function bundleTypeScript(path) {
  const outfile = join(folder, `${path.replaceAll('/', '_')}.mjs`);
  const entry = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'neutral', logLevel: 'error' });
  return pathToFileURL(outfile).href;
}

/** The module at `path`, relative to the repository's root. */
export const importTypeScript = async (path) => import(await bundleTypeScript(path));
