// Times what an image costs before the model runs: from pixels in the module's memory to a 224 x 224 input, on one
// core. Needs the build wasm-relaxed.
//
//   node --experimental-wasm-relaxed-simd bench/preprocess.mjs [--variant simd] [--runs 200]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildRoot } from '../tests/differential/linnet.mjs';
import { smallClassifier } from '../tests/e2e/small_models.mjs';
import { importTypeScript } from '../web/test/bundle.mjs';
import { percentile } from './statistics.mjs';

const { values } = parseArgs({
  options: { variant: { type: 'string', default: 'relaxed' }, runs: { type: 'string', default: '200' } },
});

execFileSync(process.execPath, [fileURLToPath(new URL('../web/scripts/generate_abi.mjs', import.meta.url))]);
const { Engine } = await importTypeScript('web/src/worker/engine.ts');
const { Abi } = await importTypeScript('web/src/generated/abi.ts');
const module = new WebAssembly.Module(readFileSync(join(buildRoot, `wasm-${values.variant}`, 'linnet.wasm')));
const engine = await Engine.create(module, false);

const { json, weights } = smallClassifier({ size: 224 });
const { handle } = engine.openModel(new TextEncoder().encode(JSON.stringify(json)));
engine.writeShard(handle, 0, weights);
engine.endShard(handle, 0);
const session = engine.compile(handle, 1, 1, {}).handle;

const formats = { RGBA: Abi.kImageRgba, I420: Abi.kImageI420, NV12: Abi.kImageNv12 };
const sizes = [[1280, 720], [1920, 1080]];
console.log('| image | fit | median ms | p95 |\n| --- | --- | --- | --- |');
for (const [width, height] of sizes) {
  for (const [name, format] of Object.entries(formats)) {
    for (const [fit, crop] of [['crop', 0.875], ['stretch', 1]]) {
      const plan = { fit, crop, normalisation: 'imagenet', scale: [1, 1, 1], offset: [0, 0, 0] };
      const layout = { width, height, format, matrix: Abi.kMatrixBt709, fullRange: false };
      const address = engine.prepareImage(session, 0, plan, layout);
      const bytes = format === Abi.kImageRgba ? 4 * width * height : 1.5 * width * height;
      for (let i = 0; i < bytes; ++i) engine.bytes[address + i] = (i * 7919) >> 5;
      const times = [];
      for (let i = -50; i < Number(values.runs); ++i) {
        const start = performance.now();
        engine.loadImage(session, 0);
        if (i >= 0) times.push(performance.now() - start);
      }
      const [median, p95] = [0.5, 0.95].map((part) => percentile(times, part).toFixed(3));
      console.log(`| ${name} ${width} x ${height} | ${fit} ${crop} | ${median} | ${p95} |`);
    }
  }
}
