// What the tests in Chromium share: the browser, a server, models, and data that depends on nothing but a seed.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from '../../web/scripts/static_server.mjs';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const shared = resolve(root, process.env.LINNET_SHARED ?? '../shared');
export const builds = resolve(root, process.env.LINNET_BUILD_ROOT ?? 'build');
const pages = join(root, 'tests/e2e/pages');
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** A headless browser. `camera` is a .y4m or .mjpeg file that plays as its camera. */
export function launch({ camera } = {}) {
  const args = ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];
  if (camera) args.push(`--use-file-for-fake-video-capture=${camera}`);
  return chromium.launch({ executablePath, headless: true, args });
}

/** Serves the package, the test pages, the app and the shared models. */
export function startServer({ isolate = true, mounts = [], documents, handle } = {}) {
  return serve({
    mounts: [
      ['/', pages],
      ['/linnet/', join(root, 'web/dist')],
      ['/app/', join(root, 'apps/classify/dist')],
      ['/models/', join(shared, 'models')],
      ['/data/', join(shared, 'data')],
      ...mounts,
    ],
    documents,
    handle,
    isolate,
  });
}

/** A page with the package at `globalThis.linnet`. Its uncaught errors end up in `page.problems`. */
export async function openPackagePage(browser, url) {
  const page = await (await browser.newContext()).newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  await page.goto(`${url}/package.html`);
  await page.waitForFunction('globalThis.ready === true');
  return page;
}

/** A folder that is removed at the end of the process. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'linnet-e2e-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The reason to skip tests that need `path`, or false. */
export const missing = (path) => (existsSync(path) ? false : `there is no ${path}`);
