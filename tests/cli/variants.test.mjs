// `linnet variants`: a model at other sizes of its image.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { colourModel, linnet, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const metadata = { normalisation: 'unit', linnet: { golden: { outputs: {} } } };
const source = colourModel({ metadata });
const model = writeModel(folder, 'colours', source);

test('variants share their weights and answer at their sizes', async () => {
  const target = join(folder, 'sizes');
  const { code, stdout, stderr } = await linnet('variants', model, '-o', target, '--sizes', '8,4,2x6', '--json');
  assert.equal(code, 0, stderr);
  const found = JSON.parse(stdout);
  assert.equal(found.weights_bytes, source.weights.length);
  assert.deepEqual(found.variants.map((variant) => [variant.model, variant.height, variant.width, variant.macs]), [
    [join(target, 'model.json'), 4, 4, 9],
    [join(target, 'model_8.json'), 8, 8, 9],
    [join(target, 'model_2x6.json'), 2, 6, 9],
  ]);
  assert.deepEqual(readdirSync(target).sort(), ['model.json', 'model_2x6.json', 'model_8.json', 'weights.bin']);
  assert.deepEqual(JSON.parse(readFileSync(join(target, 'model.json'), 'utf8')), source.json);
  const image = join(folder, 'green.png');
  writeFileSync(image, png(9, 9, [0, 255, 0]));
  for (const [file, shape] of [['model.json', [1, 4, 4, 3]], ['model_8.json', [1, 8, 8, 3]], ['model_2x6.json', [1, 2, 6, 3]]]) {
    const inspected = JSON.parse((await linnet('inspect', join(target, file), '--json')).stdout);
    assert.deepEqual(inspected.inputs[0].shape, shape);
    const { images } = JSON.parse((await linnet('classify', join(target, file), image, '--json')).stdout);
    assert.equal(images[0].top[0].index, 1);
  }
  // Golden answers are those of the model's own size.
  const { signature, userDefinedMetadata } = JSON.parse(readFileSync(join(target, 'model_8.json'), 'utf8'));
  assert.deepEqual(userDefinedMetadata.linnet, {});
  assert.deepEqual(signature.inputs.image.tensorShape.dim.map(({ size }) => size), ['-1', '8', '8', '3']);
});

test('a size that constants forbid is named, and nothing is written', async () => {
  const target = join(folder, 'none');
  const refuse = async (code, message, json, ...args) => {
    const path = writeModel(folder, 'fixed', { ...source, json });
    const result = await linnet('variants', path, '-o', target, ...args);
    assert.match(result.stderr, message);
    assert.deepEqual([result.code, result.stdout], [code, '']);
    assert.equal(existsSync(target), false);
  };
  // The mean of rows alone, so that the columns reach the product.
  const rows = structuredClone(source.json);
  rows.modelTopology.node.find(({ name }) => name === 'mean').op = 'Max';
  rows.modelTopology.node.push({
    name: 'pool',
    op: 'AvgPool',
    input: ['image'],
    attr: {
      T: { type: 'DT_FLOAT' },
      ksize: { list: { i: ['1', '4', '4', '1'] } },
      strides: { list: { i: ['1', '4', '4', '1'] } },
      padding: { s: Buffer.from('VALID').toString('base64') },
    },
  });
  rows.modelTopology.node.find(({ name }) => name === 'mean').input[0] = 'pool';
  await refuse(1, /fixed\/model\.json: at 3: constants of the model forbid this size: node 'pool' \(avg_pool\)/, rows, '--sizes', '8,3');
  await refuse(2, /expected sizes in pixels/, source.json, '--sizes', '8,large');
  await refuse(2, /no signature; run 'linnet optimise'/, { ...source.json, signature: undefined }, '--sizes', '8');
});
