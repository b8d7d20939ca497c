// Help, versions, flags that make no sense.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const model = writeModel(folder, 'colours', colourModel());
const image = join(folder, 'red.png');
writeFileSync(image, png(4, 4, [255, 0, 0]));
const subcommands = ['inspect', 'run', 'classify', 'evaluate', 'compare', 'bench', 'optimise', 'quantize', 'prune', 'golden', 'calibrate-logits', 'variants', 'fit'];

test('alone it prints its help', async () => {
  const { code, stdout, stderr } = await linnet();
  assert.equal(code, 0);
  for (const name of subcommands) assert.match(stdout, new RegExp(`^ *${name} `, 'm'));
  assert.equal(stderr, '');
});

test('--version', async () => {
  const { code, stdout } = await linnet('--version');
  assert.equal(code, 0);
  assert.match(stdout, /^linnet \d+\.\d+\.\d+\n$/);
});

for (const name of subcommands) {
  test(`${name} --help names its flags`, async () => {
    const { code, stdout } = await linnet(name, '--help');
    assert.equal(code, 0);
    assert.match(stdout, /MODEL/);
    assert.match(stdout, /--json/);
    assert.match(stdout, /Examples?:/);
  });
}

const wrong = {
  'an unknown subcommand': [['paint'], /paint/],
  'no model': [['inspect'], /MODEL/],
  'an unknown flag': [['inspect', model, '--colour'], /--colour/],
  'no input': [['run', model], /--input/],
  'no images': [['classify', model], /IMAGE/],
  'a fusion that is none': [['inspect', model, '--fuse-rows', 'some'], /--fuse-rows/],
  'threads of none': [['run', model, '--input', 'random', '--threads', '0'], /--threads/],
  'threads without end': [['run', model, '--input', 'random', '--threads', '1000'], /--threads/],
  'repeat of words': [['run', model, '--input', 'random', '--repeat', 'often'], /--repeat/],
  'no runs to time': [['bench', model, '--runs', '0'], /--runs/],
  'a seed that is none': [['run', model, '--input', 'random:x'], /seed/],
  'an input that is none': [['run', model, '--input', 'random', '--input', 'photo=x.npy'], /photo=x.npy.*image/],
  'an input given twice': [['run', model, '--input', 'image=random', '--input', 'image=random'], /'image' is given twice/],
  'a shape that is none': [['run', model, '--input', 'random', '--shape', 'image=1x4'], /--shape/],
  'JSON and tensors on one stdout': [['run', model, '--input', 'random', '--json', '--output', '-'], /stdout/],
  'an unknown normalisation': [['classify', model, image, '--normalisation', 'caffe'], /--normalisation/],
  'an unknown fit': [['classify', model, image, '--fit', 'zoom'], /--fit/],
  'a crop above 1': [['classify', model, image, '--crop', '1.5'], /crop/],
  'a top of none': [['classify', model, image, '--top', '0'], /--top/],
  'an unknown output': [['classify', model, image, '--output', 'colour'], /colour.*scores/],
  'an unknown form of the graph': [['inspect', model, '--graph=dot'], /--graph/],
  'a folder of images that is none': [
    ['evaluate', model, '--images', join(folder, 'none'), '--labels', 'x.json'],
    /--images/,
  ],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  test(`${what} is wrong usage`, async () => {
    const { code, stdout, stderr } = await linnet(...args);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    assert.equal(code, 2);
  });
}
