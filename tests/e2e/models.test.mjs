// Every model in Chromium against the native command on the same input. The native command is held against
// TensorFlow.js by tests/differential.
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { missing, modelsFolder } from '../differential/linnet.mjs';
import { models } from '../differential/models.mjs';
import { topologyPath } from '../differential/oracle.mjs';
import { relativeError } from '../differential/tensors.mjs';
import { launch, nativeRun, openPackagePage, runInPage, startServer } from './harness.mjs';

// Both run the same C++; fused multiply-adds and the order of sums differ.
const tolerance = 2e-5;
const rows = [];
let browser, server, page;

before(async () => {
  browser = await launch();
  server = await startServer();
  page = await openPackagePage(browser, server.url);
});
after(async () => {
  await browser.close();
  await server.close();
  const head = ['model', 'error against native', 'one thread ms', 'memory'];
  const table = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table)
    console.log(`RESULT: ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`);
});

for (const { name, files } of models) {
  for (const file of files ?? [undefined]) {
    const title = file && file !== 'model.json' ? `${name}/${file}` : name;
    const folder = join(modelsFolder, name);
    test(`${title} gives in Chromium what it gives natively, and allocates nothing`, { skip: missing(folder) }, async () => {
      const path = file ? join(folder, file) : topologyPath(folder);
      const native = await nativeRun(path);
      const url = `/models/${name}/${basename(path)}`;
      const errors = [];
      let oneThread;
      for (const options of [{ threads: 1 }, { threads: 2 }, { variant: 'simd' }]) {
        const result = await runInPage(page, url, native.inputs, options, 6);
        assert.deepEqual(
          result.outputs.map((output) => [output.name, output.shape]),
          native.outputs.map((output) => [output.name, output.shape]),
        );
        result.outputs.forEach(({ data }, i) => errors.push(relativeError(data, native.outputs[i].data)));
        assert.deepEqual([result.allocations, result.growth], [0, 0], 'allocations of five runs');
        if (options.threads === 1) oneThread = result;
      }
      const { memory, milliseconds } = oneThread;
      rows.push([title, Math.max(...errors).toExponential(1), milliseconds.toFixed(1), memory.total]);
      assert.ok(Math.max(...errors) <= tolerance, `off by ${Math.max(...errors)} of the output's range`);
      assert.deepEqual(page.problems, []);
    });
  }
}
