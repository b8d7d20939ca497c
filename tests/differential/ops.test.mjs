// The reference kernels of every op against TensorFlow.js, on the op suite's own cases and data.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import * as tf from '@tensorflow/tfjs';

import { run, opNames } from './graph_text.mjs';
import { operatorNames } from './expr.mjs';
import { execute, sourceText } from './linnet.mjs';
import { withFallback } from './oracle.mjs';
import { relativeError } from './tensors.mjs';

// TensorFlow.js computes in float32, the reference in double precision.
const tolerance = 1e-5;

const types = {
  f32: { array: Float32Array, dtype: 'float32' },
  i32: { array: Int32Array, dtype: 'int32' },
  // TensorFlow.js has no 8-bit type: codes are whole numbers in float32, which holds their products and sums exactly.
  i8: { array: Int8Array, dtype: 'float32' },
  bool: { array: Uint8Array, dtype: 'bool' },
};

const folder = mkdtempSync(join(tmpdir(), 'linnet-ops-'));
after(() => rmSync(folder, { recursive: true, force: true }));
await execute('linnet_optest', ['--export', folder]);
const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));

function dataOf({ dtype, file }) {
  const bytes = readFileSync(join(folder, file));
  return new types[dtype].array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const forTensor = (value) => (value.dtype === 'i8' ? Float32Array.from(dataOf(value)) : dataOf(value));

/** The oracle's outputs as `{shape, dtype, data}`. */
async function computeOracle({ text, values }) {
  const tensors = {};
  for (const [name, value] of Object.entries(values))
    if (!value.output) tensors[`%${name}`] = tf.tensor(forTensor(value), value.shape, types[value.dtype].dtype);
  const outputs = run(text, tensors);
  return Promise.all(outputs.map(async (output) => ({ shape: output.shape, dtype: output.dtype, data: await output.data() })));
}

for (const item of cases) {
  test(item.name, async () => {
    const oracle = await withFallback(() => computeOracle(item));
    const expected = Object.values(item.values).filter((value) => value.output);
    assert.equal(oracle.length, expected.length, 'number of outputs');
    expected.forEach((value, i) => {
      assert.deepEqual(oracle[i].shape, value.shape, 'shape');
      assert.equal(oracle[i].dtype, types[value.dtype].dtype, 'type');
      const error = relativeError(dataOf(value), oracle[i].data);
      assert.ok(error <= tolerance, `the reference is ${error} of the output's range away\n${item.text}`);
    });
  });
}

test('every op and operator has a case', () => {
  const names = (file, macro) => [...sourceText(file).matchAll(new RegExp(`^${macro}\\((\\w+)`, 'gm'))].map((match) => match[1]);
  const texts = cases.map((item) => item.text).join('\n');
  for (const op of names('src/graph/ops.def', 'LINNET_OP')) {
    assert.ok(opNames.includes(op), `the oracle has the op '${op}'`);
    assert.match(texts, new RegExp(`= ${op}\\(`), `a case uses the op '${op}'`);
  }
  for (const operator of names('src/graph/expr_ops.def', 'LINNET_EXPR')) {
    assert.ok(operatorNames.includes(operator), `the oracle has the operator '${operator}'`);
    assert.match(texts, new RegExp(`\\b${operator}\\(`), `a case uses the operator '${operator}'`);
  }
});
