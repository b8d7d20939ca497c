// Runs the op cases on WebGPU without a browser, on whatever GPU Dawn finds, against the reference kernels.
//
//   npm ci --prefix bench/webgpu
//   node bench/webgpu/ops.mjs [--dawn TOGGLE]... TARGET...
//
// TARGET is one of those that `linnet_optest` lists: what the plans are made for. Needs linnet_optest of native-release.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execute } from '../../tests/differential/linnet.mjs';
import { relativeError } from '../../tests/differential/tensors.mjs';
import { importTypeScript } from '../../web/test/bundle.mjs';

const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array, i8: Int8Array, u8: Uint8Array };
const { values: options, positionals: targets } = parseArgs({
  allowPositionals: true,
  options: { dawn: { type: 'string', multiple: true, default: [] } },
});
const { create, globals } = await import('webgpu').catch(() => {
  console.error('the package `webgpu` is missing: npm ci --prefix bench/webgpu');
  process.exit(1);
});
Object.assign(globalThis, globals);
const { openWebGpu, WebGpuReplay } = await importTypeScript('web/src/gpu/node.ts');

async function runCase(device, folder, number, { plan, values, tolerance }) {
  const weights = readFileSync(join(folder, `${number}_weights.bin`));
  const whole = {
    ...plan,
    words: Uint32Array.from(plan.words),
    params: new Uint8Array(Uint32Array.from(plan.params).buffer),
    pieces: weights.length > 0 ? [{ offset: 0, bytes: weights.length, source: 0 }] : [],
    cpuParts: [],
  };
  const replay = await WebGpuReplay.create(device, whole, null, () => weights);
  const outputs = plan.outputs.map(({ bytes }) => new Uint8Array(bytes));
  const inputs = plan.inputs.map(({ name }) => new Uint8Array(readFileSync(join(folder, values[name].file))));
  await replay.run(inputs, outputs);
  replay.destroy();
  const errors = plan.outputs.map(({ name }, i) => {
    const { dtype, file } = values[name];
    const of = (bytes) => new arrays[dtype](Uint8Array.from(bytes).buffer);
    return relativeError(of(outputs[i]), of(readFileSync(join(folder, file))));
  });
  return { error: Math.max(...errors), tolerance };
}

const dawn = create(options.dawn);
const { device, adapter } = await openWebGpu(dawn);
console.log(adapter);
let failed = targets.length === 0 ? 1 : 0;
for (const target of targets) {
  const folder = mkdtempSync(join(tmpdir(), 'linnet-ops-'));
  await execute('linnet_optest', ['--export-gpu', folder, target]);
  const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));
  // f16 has 11 bits.
  const least = target.includes('f16') ? 4e-3 : 0;
  let passed = 0;
  for (const [number, each] of cases.entries()) {
    if (each.plan.cpu.length > 0) continue;
    const { error, tolerance } = await runCase(device, folder, number, each).catch((reason) => ({ error: reason.message }));
    if (error <= Math.max(tolerance, least)) {
      passed += 1;
      continue;
    }
    failed += 1;
    console.log(`${target}: ${each.name} is off by ${error}`);
  }
  rmSync(folder, { recursive: true });
  console.log(`${target}: ${passed} cases passed`);
}
process.exit(failed === 0 && dawn ? 0 : 1);
