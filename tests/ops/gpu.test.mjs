// Every op's cases on WebGPU and WebGL2, in Chromium with GPUs in software, against the reference kernels.
// known_gaps/<backend>.txt lists the cases that run on the CPU: there the GPU brings the operands and takes the results.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { execute, sourceText } from '../differential/linnet.mjs';
import { relativeError } from '../differential/tensors.mjs';
import { gpuFlags, launch, startServer } from '../e2e/harness.mjs';
import { bundleTypeScript } from '../../web/test/bundle.mjs';

const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array, i8: Int8Array, u8: Uint8Array };

const folder = mkdtempSync(join(tmpdir(), 'linnet-gpus-'));
// Kernels differ by what a GPU is like, and all of them run on the emulated one. f16 has 11 bits.
const targets = [];
for (const name of ['webgpu-software', 'webgpu-hardware', 'webgpu-plain', 'webgpu-f16', 'webgpu-f16-arithmetic', 'webgl2-f32', 'webgl2-f16']) {
  const [backend, kind, arithmetic] = name.split('-');
  const least = kind === 'f16' ? 4e-3 : 0;
  mkdirSync(join(folder, name));
  await execute('linnet_optest', ['--export-gpu', join(folder, name), name]);
  const halves = arithmetic !== undefined;
  const title = halves ? `${name} (which is that of f32 on a GPU without shader-f16)` : name;
  targets.push({ backend, name, title, halves, least, cases: JSON.parse(readFileSync(join(folder, name, 'cases.json'), 'utf8')) });
}
const gapsOf = (backend) =>
  sourceText(`tests/known_gaps/${backend}.txt`).split('\n').filter((line) => line && !line.startsWith('#'));

let browser, server, page;
before(async () => {
  browser = await launch({ flags: gpuFlags });
  const bundle = async (name) => readFileSync(fileURLToPath(await bundleTypeScript(`web/src/gpu/${name}.ts`)));
  server = await startServer({
    documents: {
      '/cases.html': '<!doctype html><script type="module" src="/gpu_page.js"></script>',
      '/gpu_page.js': sourceText('tests/ops/gpu_page.js'),
      '/webgpu.js': await bundle('webgpu'),
      '/webgl2.js': await bundle('webgl2'),
    },
    mounts: [['/cases/', folder]],
  });
  page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}/cases.html`);
  await page.waitForFunction('globalThis.ready === true');
});
after(async () => {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the known gaps are the cases with steps on the CPU', () => {
  for (const { backend, cases } of targets)
    assert.deepEqual(cases.filter(({ plan }) => plan.cpu.length > 0).map(({ name }) => name), gapsOf(backend));
});

async function runCase(target, number) {
  const { plan, values, tolerance } = target.cases[number];
  const files = plan.inputs.map((port) => values[port.name].file);
  const outputs = await page.evaluate(
    (given) => runCase(...given),
    [{ backend: target.backend, halves: target.halves }, plan, `/cases/${target.name}/`, `${number}_weights.bin`, files],
  );
  plan.outputs.forEach((port, i) => {
    const { dtype, file } = values[port.name];
    const bytes = readFileSync(join(folder, target.name, file));
    const expected = new arrays[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const actual = new arrays[dtype](Uint8Array.from(outputs[i]).buffer);
    const error = relativeError(actual, expected);
    const allowed = dtype === 'f32' ? Math.max(tolerance, target.least) : tolerance;
    assert.ok(error <= allowed, `off by ${error} of the output's range, ${allowed} allowed`);
  });
}

for (const target of targets)
  target.cases.forEach(({ name, plan }, number) => {
    test(`${name} for ${target.title}${plan.cpu.length > 0 ? ', operands and results of the CPU' : ''}`, () => runCase(target, number));
  });
