// What a build of the package is known by in remembered choices: another engine is measured anew.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

const file = (path) => readFileSync(new URL(`../${path}`, import.meta.url));

/** The constants to define where web/src is bundled; web/dist must hold the modules. */
export function buildIdentity() {
  const digest = createHash('sha256');
  for (const name of readdirSync(new URL('../dist', import.meta.url)).sort())
    if (name.endsWith('.wasm')) digest.update(name).update(file(`dist/${name}`));
  const { version } = JSON.parse(file('package.json'));
  return { linnetBuild: JSON.stringify(`${version}-${digest.digest('hex').slice(0, 16)}`) };
}
