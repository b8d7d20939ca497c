// Loads the served app in headless Chromium, classifies its sample and a photo, and checks the answers. See --help.
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const usage = `Usage: node scripts/check_demo.mjs [--command FILE --image FILE] -- [arguments of web/scripts/serve.mjs]

Serves the app on a free port and opens it. With a model its sample must give answers; with --image also the photo, and
the first answer must be the one that the linnet command at --command gives. Without a model the page must say so.
Exit status: 0 or 1.
`;
const seconds = 1000;

const split = process.argv.indexOf('--');
const serving = split < 0 ? [] : process.argv.slice(split + 1);
const { values: options } = parseArgs({
  args: process.argv.slice(2, split < 0 ? undefined : split),
  options: { command: { type: 'string' }, image: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const valueOf = (flag) => (serving.includes(flag) ? serving[serving.indexOf(flag) + 1] : undefined);
const model = valueOf('--model');
const labels = valueOf('--labels');

function check(holds, problem) {
  if (!holds) throw new Error(problem);
}

/** Starts the server; gives it with the page's address. */
async function startServer() {
  const server = spawn(process.execPath, ['web/scripts/serve.mjs', ...serving, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /^Serving (\S+)/.exec(line)?.[1];
    if (url) return { server, url };
  }
  throw new Error('the server did not start');
}

/** The answers on the page, best first, as [label, percent]. */
function readAnswers(page) {
  return page.$$eval('#answers li:not([hidden])', (items) =>
    items.map((item) => [
      item.querySelector('.name').textContent.trim(),
      Number.parseFloat(item.querySelector('.value').textContent),
    ]),
  );
}

async function checkAnswers(page, what) {
  const answers = await readAnswers(page);
  check(answers.length > 0, `there is no answer for ${what}`);
  check(
    answers.every(([label, percent], i) => label && percent >= 0 && percent <= (i ? answers[i - 1][1] : 100)),
    `the answers for ${what} make no sense: ${JSON.stringify(answers)}`,
  );
  console.log(`  ${what}: ${answers[0][0]}, ${answers[0][1]} %`);
  return answers;
}

async function checkPhoto(page, image) {
  const before = JSON.stringify(await readAnswers(page));
  await page.setInputFiles('#photo', image);
  await page.waitForFunction(
    (old) =>
      document.querySelector('#image').src.startsWith('blob:') &&
      JSON.stringify(
        [...document.querySelectorAll('#answers li:not([hidden])')].map((item) => [
          item.querySelector('.name').textContent.trim(),
          Number.parseFloat(item.querySelector('.value').textContent),
        ]),
      ) !== old,
    before,
    { timeout: 30 * seconds },
  );
  const answers = await checkAnswers(page, image);
  const flags = ['classify', model, image, '--json', ...(labels ? ['--labels', labels] : [])];
  const [best] = JSON.parse(execFileSync(options.command, flags, { encoding: 'utf8' })).images[0].top;
  // The page shows a label's first name.
  const expected = best.label.split(',')[0].trim();
  check(labels === undefined || answers[0][0] === expected, `the page says ${answers[0][0]}, the command ${expected}`);
  const percent = 100 * best.probability;
  check(Math.abs(answers[0][1] - percent) < 2, `the page says ${answers[0][1]} %, the command ${percent.toFixed(1)} %`);
}

async function checkPage(page, url) {
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(url);
  if (!model) {
    await page.waitForSelector('#state[data-state=idle]');
    await page.waitForSelector('#model-panel[open] #model-url');
    console.log('  the page has no model, and asks for one');
  } else {
    const settled = await page.waitForSelector(
      '#state[data-state=ready], #state[data-state=live], #state[data-state=error]',
      { timeout: 120 * seconds },
    );
    check((await settled.getAttribute('data-state')) !== 'error', await page.textContent('#problem'));
    await page.waitForSelector('#answers li:not([hidden])', { timeout: 30 * seconds });
    await checkAnswers(page, 'sample');
    if (options.image) await checkPhoto(page, options.image);
  }
  check(problems.length === 0, `errors on the page: ${problems.join('; ')}`);
}

let server;
let browser;
try {
  const started = await startServer();
  server = started.server;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox'],
  });
  await checkPage(await browser.newPage(), started.url);
  console.log('The app works.');
} catch (error) {
  console.error(`check: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close();
  server?.kill();
}
