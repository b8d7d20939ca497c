// `linnet fit`: what is tried, chosen and written. Times are never compared.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
// The command's own scratch directories.
const scratch = join(folder, 'tmp');
mkdirSync(scratch);
process.env.TMPDIR = scratch;
const model = writeModel(folder, 'colours', colourModel({ metadata: { normalisation: 'unit' } }));
const photos = join(folder, 'photos');
const labelled = join(folder, 'labelled');
const colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 20, 10], [10, 200, 20], [20, 10, 200]];
for (const directory of [photos, labelled]) {
  mkdirSync(directory);
  colours.forEach((colour, i) => writeFileSync(join(directory, `${i}.png`), png(9, 9, colour)));
}
writeFileSync(join(labelled, 'labels.json'), JSON.stringify(Object.fromEntries(colours.map((_, i) => [`${i}.png`, i % 3]))));

const fit = (code, name, ...args) =>
  linnet('fit', model, '-o', join(folder, name), ...args).then((result) => {
    assert.equal(result.code, code, result.stderr);
    return result;
  });

test('tries precisions and sizes, and writes what loses least', async () => {
  const { stdout } = await fit(0, 'fit', '--calibrate', labelled, '--max-bytes', '1MB', '--sizes', '4,8', '--json');
  const found = JSON.parse(stdout);
  assert.deepEqual([found.photos, found.labelled, found.original.top1], [3, true, 100]);
  assert.deepEqual(
    found.candidates.map(({ precision, height }) => `${precision} ${height}`).sort(),
    ['f32 4', 'f32 8', 'fp16 4', 'fp16 8', 'int8 4', 'int8 8'],
  );
  for (const candidate of found.candidates) {
    assert.equal(candidate.fits, true);
    assert.equal(candidate.drop, 0);
    assert.equal(candidate.agreement, 100);
    assert.ok(candidate.bytes > 0 && candidate.ms > 0);
  }
  assert.equal(found.candidates.filter(({ chosen }) => chosen).length, 1);
  assert.ok(found.candidates.some(({ pareto }) => pareto));
  const target = join(folder, 'fit');
  const [chosen] = found.candidates.filter((candidate) => candidate.chosen);
  const inspected = JSON.parse((await linnet('inspect', found.model, '--json')).stdout);
  assert.deepEqual(inspected.inputs[0].shape, [1, chosen.height, chosen.width, 3]);
  const files = readdirSync(target).filter((name) => name !== 'fit.svg');
  assert.equal(files.reduce((sum, name) => sum + readFileSync(join(target, name)).length, 0), chosen.bytes);
  const answer = await linnet('classify', found.model, join(photos, '1.png'), '--json');
  assert.equal(JSON.parse(answer.stdout).images[0].top[0].index, 1);
  const svg = readFileSync(found.plot, 'utf8');
  assert.equal(svg.match(/<title>/g).length, 6);
});

test('the size of the model decides where it is the limit', async () => {
  const all = JSON.parse((await fit(0, 'all', '--calibrate', photos, '--max-drop', '0', '--json')).stdout);
  assert.equal(all.labelled, false);
  assert.equal(all.original.top1, undefined);
  const { bytes } = all.candidates.find(({ precision }) => precision === 'fp16');
  const small = JSON.parse((await fit(0, 'small', '--calibrate', photos, '--max-bytes', String(bytes), '--json')).stdout);
  for (const candidate of small.candidates) assert.equal(candidate.fits, candidate.bytes <= bytes);
  assert.ok(small.candidates.some(({ fits }) => !fits));
  assert.ok(small.candidates.find(({ chosen }) => chosen).bytes <= bytes);
});

test('a budget that nothing meets is said, and nothing is written', async () => {
  const { stdout, stderr } = await fit(3, 'none', '--calibrate', labelled, '--max-bytes', '10', '--max-ms', '100000');
  assert.match(stderr, /no candidate meets the budget of 10 bytes, 100000 ms; the smallest has \d+ bytes/);
  assert.match(stderr, /the nearest is (int8|fp16|f32) at \d+: --max-bytes \d+ --max-ms \S+ --max-drop \S+ would let it in/);
  assert.match(stderr, /left out: 0\.75 of the MACs: /);
  assert.match(stdout, /f32 at 4 +\d+/);
  assert.doesNotMatch(stdout, /chosen/);
  assert.equal(existsSync(join(folder, 'none')), false);
  assert.deepEqual(readdirSync(scratch), []);
  const plot = join(folder, 'none.svg');
  const { stdout: text } = await fit(3, 'none', '--calibrate', labelled, '--max-bytes', '10', '--plot', plot, '--json');
  assert.equal(JSON.parse(text).model, undefined);
  assert.match(readFileSync(plot, 'utf8'), /^<svg /);
});

test('what makes no sense is named', async () => {
  const refuse = async (message, ...args) => {
    const { stdout, stderr } = await fit(2, 'wrong', '--calibrate', photos, ...args);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    assert.equal(existsSync(join(folder, 'wrong')), false);
  };
  await refuse(/give a budget: --max-bytes, --max-ms or --max-drop/);
  await refuse(/--precisions/, '--max-ms', '1', '--precisions', 'f32,int4');
  await refuse(/--max-bytes/, '--max-bytes', 'much');
  await refuse(/expected sizes in pixels/, '--max-ms', '1', '--sizes', 'small');
});
