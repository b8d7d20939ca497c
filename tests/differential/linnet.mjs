// Runs the native command and knows where builds, models and data lie.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The folder of all builds, one folder for each preset. */
export const buildRoot = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');

const shared = resolve(root, process.env.LINNET_SHARED ?? '../shared');
export const modelsFolder = join(shared, 'models');
export const imagesFolder = join(shared, 'data/imagenet');

/** What `test()` takes as `skip`: why a folder that is not part of the project cannot be used, or false. */
export const missing = (folder) => (existsSync(folder) ? false : `${folder} is not here`);

/** Runs an executable of the native release build and gives its standard output. */
export async function execute(name, args) {
  const options = { maxBuffer: 64 << 20, timeout: 300_000 };
  const { stdout } = await promisify(execFile)(join(buildRoot, 'native-release', name), args, options);
  return stdout;
}

/** Runs the linnet command with --json and gives its document. */
export const linnet = async (...args) => JSON.parse(await execute('linnet', [...args, '--json']));

/** The text of a file of the project. */
export const sourceText = (path) => readFileSync(join(root, path), 'utf8');

/** Calls `use` with a folder that is gone afterwards. */
export async function withFolder(use) {
  const folder = await mkdtemp(join(tmpdir(), 'linnet-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
