// Models that the command writes: TensorFlow.js runs them, and what they give is what the model gives that they were
// made of, or what Linnet's own f32 path gives.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';

import { imagesFolder, linnet, missing, modelsFolder, withFolder } from './linnet.mjs';
import { tolerance } from './models.mjs';
import { runModel, topologyPath, withFallback } from './oracle.mjs';
import { readNpy, relativeError, writeNpy } from './tensors.mjs';

const models = ['mobilenet_v1_0.25_128', 'squeezenet1.1_224', 'facemesh', 'handlandmark-lite', 'meet', 'emotion'];

/** Linnet's outputs and TensorFlow.js's for one random input of the model at `path`: the larger of their differences. */
async function difference(path, oraclePath, folder) {
  const inputFolder = `${join(folder, 'inputs')}/`;
  const outputFolder = `${join(folder, 'outputs')}/`;
  const run = await linnet(
    ...['run', path, '--f32', '--input', 'random:7', '--save-input', inputFolder, '--output', outputFolder],
  );
  const inputs = {};
  for (const file of await readdir(inputFolder)) inputs[basename(file, '.npy')] = await readNpy(join(inputFolder, file));
  const expected = await withFallback(() => runModel(oraclePath, inputs));
  let largest = 0;
  for (const output of run.outputs) {
    const oracle = expected.find(({ names }) => names.includes(output.name));
    assert.ok(oracle, `TensorFlow.js has no output '${output.name}' but ${expected.map(({ names }) => names[0])}`);
    largest = Math.max(largest, relativeError((await readNpy(output.file)).data, oracle.data));
  }
  return largest;
}

for (const name of models) {
  const source = join(modelsFolder, name);
  test(`${name}, optimised, computes the same in both engines`, { skip: missing(source) }, () =>
    withFolder(async (folder) => {
      const { model, weights_bytes: bytes } = await linnet('optimise', topologyPath(source), '-o', join(folder, 'model'));
      assert.ok(bytes > 0);
      const original = await difference(model, topologyPath(source), folder);
      assert.ok(original <= tolerance, `${original} of the range from the original in TensorFlow.js`);
      const written = await difference(topologyPath(source), model, folder);
      assert.ok(written <= tolerance, `${written} of the range from the written model in TensorFlow.js`);
    }));
}

// What the command makes of a model, and the most of its bytes that may be left where they were f32.
const calibrated = ['--limit', '3'];
const forms = [
  ['optimise', [], 1],
  ['quantize', ['--fp16'], 0.52],
  ['quantize', ['--dynamic-int8'], 0.52],
  ['quantize', ['--int8', ...calibrated], 0.31],
  ['quantize', ['--int8', ...calibrated, '--max-drop', '0'], 0.52],
  ['prune', ['--macs', '0.8', ...calibrated, '--views', '1', '--steps', '2'], 1],
];
for (const [name, normalisation] of [['mobilenet_v1_0.25_128', 'pm1'], ['vww_96', 'unit'], ['resnet8_cifar10', 'raw'], ['kws_ds_cnn']]) {
  const source = join(modelsFolder, name);
  for (const [subcommand, flags, bytes] of forms)
    test(`${name}, written by ${[subcommand, ...flags].join(' ')}, runs in TensorFlow.js as in Linnet's f32`, { skip: missing(source) || missing(imagesFolder) }, () =>
      withFolder(async (folder) => {
        let images = imagesFolder;
        // Its inputs are no images.
        if (!normalisation) {
          images = join(folder, 'samples');
          await mkdir(images);
          for (let i = 0; i < 3; i++)
            await writeFile(join(images, `${i}.npy`), writeNpy([1, 49, 10, 1], Float32Array.from({ length: 490 }, (_, k) => 30 * Math.sin(k * (i + 1)))));
        }
        const samples = flags.includes('--limit') ? ['--calibrate', images] : [];
        if (samples.length && normalisation) samples.push('--normalisation', normalisation);
        const made = await linnet(subcommand, source, ...flags, ...samples, '-o', join(folder, 'model'));
        const before = made.weights_bytes_before ?? Infinity;
        assert.ok(made.weights_bytes <= bytes * before, `${made.weights_bytes} bytes of ${before}`);
        const error = await difference(made.model, made.model, folder);
        assert.ok(error <= tolerance, `${error} of the range apart`);
      }));
}

// One ends in a softmax, the other in logits; quantize has gone over it before.
for (const [name, normalisation, quantized] of [['mobilenet_v1_0.25_128', 'pm1', true], ['squeezenet1.1_224', 'imagenet', false]]) {
  const source = join(modelsFolder, name);
  test(`${name}, calibrated, runs in TensorFlow.js as in Linnet's f32`, { skip: missing(source) || missing(imagesFolder) }, () =>
    withFolder(async (folder) => {
      const samples = ['--calibrate', imagesFolder, '--normalisation', normalisation];
      const flags = ['--int8', ...samples, '--limit', '3', '-o', join(folder, 'int8')];
      const model = quantized ? (await linnet('quantize', source, ...flags)).model : topologyPath(source);
      // Every other class is wrong, so that the temperature is far from 1.
      const { images } = JSON.parse(await readFile(join(imagesFolder, 'labels.json'), 'utf8'));
      const wrong = Object.keys(images).sort().slice(0, 20).map((name, i) => [name, images[name].index + (i % 2)]);
      const labels = join(folder, 'labels.json');
      await writeFile(labels, JSON.stringify(Object.fromEntries(wrong)));
      const made = await linnet('calibrate-logits', model, ...samples, '--labels', labels, '-o', join(folder, 'model'));
      assert.equal(made.changed_answers, 0);
      assert.ok(made.temperature > 1.1, `a temperature of ${made.temperature} proves nothing`);
      const error = await difference(made.model, made.model, folder);
      assert.ok(error <= tolerance, `${error} of the range apart`);
      const unchanged = await difference(made.model, model, folder);
      assert.ok(unchanged > tolerance, `only ${unchanged} of the range from what is not calibrated`);
    }));
}

test('variants of mobilenet_v2_1.0_224 are those that were made from it elsewhere', { skip: missing(join(modelsFolder, 'mobilenet_v2_1.0_224')) }, () =>
  withFolder(async (folder) => {
    const source = join(modelsFolder, 'mobilenet_v2_1.0_224');
    const { variants } = await linnet('variants', topologyPath(source), '-o', join(folder, 'sizes'), '--sizes', '192,96');
    assert.deepEqual(variants.map(({ height }) => height), [224, 192, 96]);
    for (const { model, height } of variants.slice(1)) {
      const { parting, values } = await linnet('compare', model, join(source, `model_${height}.json`), '--threshold', '0');
      assert.equal(parting, null);
      assert.ok(values.length > 50);
    }
    const { model } = variants[2];
    const error = await difference(model, model, folder);
    assert.ok(error <= tolerance, `${error} of the range apart from TensorFlow.js`);
  }));

test('a pruned model has fewer MACs, and runs in TensorFlow.js as in Linnet', { skip: missing(join(modelsFolder, 'mobilenet_v1_0.25_128')) || missing(imagesFolder) }, () =>
  withFolder(async (folder) => {
    const source = join(modelsFolder, 'mobilenet_v1_0.25_128');
    const made = await linnet(
      ...['prune', source, '--macs', '0.8', '--calibrate', imagesFolder, '--limit', '4', '--views', '2', '--steps', '4'],
      ...['--normalisation', 'pm1', '-o', join(folder, 'model')],
    );
    const { macs } = await linnet('inspect', made.model);
    assert.equal(macs, made.macs);
    assert.ok(macs <= 0.8 * made.macs_before && macs > 0.7 * made.macs_before, `${macs} of ${made.macs_before}`);
    assert.ok(made.groups.some(({ channels, kept }) => kept < channels && kept % 8 === 0));
    const error = await difference(made.model, made.model, folder);
    assert.ok(error <= tolerance, `${error} of the range apart`);
  }));

test('stories260k in dynamic int8 says nearly what it said, and runs in TensorFlow.js as in Linnet\'s f32', { skip: missing(join(modelsFolder, 'stories260k')) }, () =>
  withFolder(async (folder) => {
    const source = join(modelsFolder, 'stories260k');
    const golden = JSON.parse(await readFile(join(source, 'golden.json'), 'utf8'));
    const made = await linnet('quantize', source, '--dynamic-int8', '-o', join(folder, 'model'));
    assert.ok(made.weights_bytes < 0.35 * made.weights_bytes_before, `${made.weights_bytes} bytes`);
    const tokens = join(folder, 'tokens.npy');
    await writeFile(tokens, writeNpy([1, 128], Int32Array.from(golden.tokens)));
    const logits = join(folder, 'logits.npy');
    const agreement = async (model, ...flags) => {
      await linnet('run', model, ...flags, '--input', tokens, '--output', logits);
      const { data, shape } = await readNpy(logits);
      const best = golden.argmax.map((_, i) => {
        const row = data.subarray(i * shape[2], (i + 1) * shape[2]);
        return row.indexOf(Math.max(...row));
      });
      return best.filter((token, i) => token === golden.argmax[i]).length;
    };
    assert.equal(await agreement(source), 128);
    const kept = await agreement(made.model);
    console.log(`RESULT: stories260k in dynamic int8: ${kept} of 128 tokens`);
    assert.ok(kept >= 125, `${kept} of 128 tokens`);
    const { ops_optimised: ops } = await linnet('inspect', made.model);
    assert.ok(ops.dynamic_matmul > 30, JSON.stringify(ops));
    const error = await difference(made.model, made.model, folder);
    assert.ok(error <= tolerance, `${error} of the range apart`);
  }));
