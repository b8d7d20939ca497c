// One measurement: a fresh browser, one page, one peer, one model.
import { readFileSync } from 'node:fs';
import { gpuFlags, launch } from '../tests/e2e/harness.mjs';

// The peak resident bytes of a process so far; 0 for one that has just ended.
function peakBytes(pid) {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}

// Process number to peak resident bytes, of all pages' processes.
async function pagePeaks(devtools) {
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => [id, peakBytes(id)]));
}

const deadlineSeconds = 120;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Chromium loads pages of its own for a second after it has started, beside whatever the page does. Resolves when all its
// processes together have taken less than a twentieth of a core for a while, or after some seconds.
async function settled(browser) {
  const devtools = await browser.newBrowserCDPSession();
  const cpuSeconds = async () =>
    (await devtools.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  let before = await cpuSeconds();
  for (let tries = 0; tries < 20; ++tries) {
    await pause(300);
    const now = await cpuSeconds();
    if (now - before < 0.015) break;
    before = now;
  }
  await devtools.detach();
}

/** Calls `use(page, browser)` with the blank page in a fresh browser, with GPUs for `gpu`. Rejects when that takes too long. */
export async function withPage(url, use, gpu = false) {
  const browser = await launch({ flags: gpu ? gpuFlags : [] });
  let timer;
  const deadline = new Promise((_, reject) => {
    const tooLate = () => reject(new Error(`the page did not answer within ${deadlineSeconds} s`));
    timer = setTimeout(tooLate, deadlineSeconds * 1000);
  });
  const work = async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    await page.waitForFunction('globalThis.bench !== undefined');
    await settled(browser);
    return use(page, browser);
  };
  const result = work();
  // Closing the browser ends work that nobody waits for any more.
  result.catch(() => undefined);
  try {
    return await Promise.race([result, deadline]);
  } finally {
    clearTimeout(timer);
    await browser.close();
  }
}

/** Calls a function of the page's. */
export const call = (page, name, argument) =>
  page.evaluate(([called, given]) => globalThis.bench[called](given), [name, argument]);

/**
 * Loads and runs a model in a fresh browser. `samples`: the inputs for which outputs are wanted. Gives load and first
 * run in milliseconds, times of the runs, bytes sent, peak memory and outputs.
 */
export function measurePeer({ server, peer, config, runs, samples }) {
  return withPage(server.url, async (page, browser) => {
    const devtools = await browser.newBrowserCDPSession();
    const before = await pagePeaks(devtools);
    server.begin();
    const opened = await call(page, 'open', { adapter: peer.adapter, assets: peer.assets, ...peer.settings, ...config });
    const measured = await call(page, 'measure', runs);
    const sent = server.sent();
    const after = await pagePeaks(devtools);
    // Chromium keeps a process ready for the next page; this page's is the one that worked.
    const grown = [...after].map(([pid, bytes]) => [bytes - (before.get(pid) ?? 0), bytes]);
    const [aboveBlank, peak] = grown.sort(([a], [b]) => b - a)[0];
    const answers = samples.length > 0 ? await call(page, 'answers', { ...runs, samples }) : undefined;
    return { ...opened, ...measured, sent, memory: { peak, above_blank: aboveBlank }, answers };
  }, peer.gpu !== undefined);
}

/** Profiles a model in a fresh browser: its nodes with their milliseconds, as Linnet's `model.profile` gives them. */
export function measureNodes({ server, peer, config, runs }) {
  return withPage(server.url, async (page) => {
    await call(page, 'open', { adapter: peer.adapter, assets: peer.assets, ...peer.settings, ...config });
    return call(page, 'profile', runs);
  });
}

/** What a model takes and gives, and its multiply-accumulates, by Linnet itself. */
export const describeModel = ({ server, peer, config }) =>
  withPage(server.url, (page) => call(page, 'open', { adapter: peer.adapter, assets: peer.assets, ...peer.settings, ...config }));

/** The peaks of one core: { fma, dot } in 1e9 operations a second. */
export const measurePeaks = ({ server }) =>
  withPage(server.url, (page) => call(page, 'peaks', { milliseconds: 400 }));
