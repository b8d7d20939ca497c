// Every model, compiled and run by the native command, against TensorFlow.js on the same input.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';

import { linnet, missing, modelsFolder, withFolder } from './linnet.mjs';
import { models, tolerance } from './models.mjs';
import { runModel, topologyPath, withFallback } from './oracle.mjs';
import { readNpy, relativeError } from './tensors.mjs';

// The arena may be this many times the lower bound of the schedule.
const largestRatio = 1.05;

const rows = [];

/** Both engines' outputs for one random input: `[{name, error, sizes}]`. */
async function compare(path, folder) {
  const inputFolder = `${join(folder, 'inputs')}/`;
  const outputFolder = `${join(folder, 'outputs')}/`;
  const run = await linnet(
    ...['run', path, '--input', 'random:7', '--repeat', '5'],
    ...['--save-input', inputFolder, '--output', outputFolder],
  );
  const inputs = {};
  for (const file of await readdir(inputFolder)) inputs[basename(file, '.npy')] = await readNpy(join(inputFolder, file));
  const expected = await withFallback(() => runModel(path, inputs));
  assert.equal(run.outputs.length, expected.length, 'number of outputs');
  const outputs = [];
  for (const output of run.outputs) {
    const oracle = expected.find(({ names }) => names.includes(output.name));
    assert.ok(oracle, `TensorFlow.js has no output '${output.name}' but ${expected.map(({ names }) => names[0])}`);
    assert.deepEqual(output.shape, oracle.shape, `shape of '${output.name}'`);
    const { data } = await readNpy(output.file);
    outputs.push({ name: output.name, error: relativeError(data, oracle.data) });
  }
  return { outputs, ms: run.p50_ms };
}

for (const { name, files } of models) {
  const folder = join(modelsFolder, name);
  for (const file of files ?? [undefined]) {
    const title = file && file !== 'model.json' ? `${name}/${file}` : name;
    test(`${title} gives what TensorFlow.js gives`, { skip: missing(folder) }, async () => {
      const path = file ? join(folder, file) : topologyPath(folder);
      const { outputs, ms } = await withFolder((scratch) => compare(path, scratch));
      const { memory, weights } = await linnet('inspect', path);
      const error = Math.max(...outputs.map((output) => output.error));
      rows.push([title, error.toExponential(1), memory.arena_bytes, memory.lower_bound_bytes, memory.arena_ratio, weights.bytes, ms]);
      for (const output of outputs)
        assert.ok(output.error <= tolerance, `output '${output.name}' is ${output.error} of its range away`);
      assert.ok(memory.arena_ratio <= largestRatio, `the arena is ${memory.arena_ratio} of its lower bound`);
    });
  }
}

after(() => {
  const head = ['model', 'error', 'arena', 'lower bound', 'ratio', 'weight bytes', 'native ms'];
  const table = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    console.log(`RESULT: ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`);
});
