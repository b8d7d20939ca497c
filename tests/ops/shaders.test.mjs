// Every shader of every op's cases, those that fill their inputs from images too, and of the golden plans through its language's own compiler, without a browser or a GPU:
// WGSL through Dawn (npm package `webgpu`), GLSL ES through glslang.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { execute, sourceText } from '../differential/linnet.mjs';

const targets = {
  wgsl: ['webgpu-software', 'webgpu-hardware', 'webgpu-plain', 'webgpu-f16', 'webgpu-f16-arithmetic'],
  glsl: ['webgl2-f32', 'webgl2-f16'],
};
const folder = mkdtempSync(join(tmpdir(), 'linnet-shaders-'));
// Each text, and whose it is first.
const shaders = { wgsl: new Map(), glsl: new Map() };

before(async () => {
  for (const [language, names] of Object.entries(targets))
    for (const target of names) {
      mkdirSync(join(folder, target));
      await execute('linnet_optest', ['--export-gpu', join(folder, target), target]);
      for (const { name, plan } of JSON.parse(readFileSync(join(folder, target, 'cases.json'), 'utf8')))
        for (const text of [...plan.shaders, ...plan.frameShaders]) if (text && !shaders[language].has(text)) shaders[language].set(text, `${name} for ${target}`);
    }
  for (const [language, name] of [['wgsl', 'webgpu_network.txt'], ['wgsl', 'webgpu_folds.txt'], ['wgsl', 'webgpu_shared.txt'], ['glsl', 'webgl2_network.txt']])
    sourceText(`tests/golden/${name}`)
      .split(/^shader \d+\n/m)
      .slice(1)
      .forEach((text, i) => shaders[language].set(text, `${name}, shader ${i}`));
});
after(() => rmSync(folder, { recursive: true, force: true }));

// Gives a line for each error: whose shader, the line's number and text, and what is wrong with it.
const describe = (owner, text, line, message) => `${owner}, line ${line}: ${text.split('\n')[line - 1]?.trim()}\n    ${message}`;

const packages = createRequire(fileURLToPath(new URL('../../bench/webgpu/package.json', import.meta.url)));
// Its null backend compiles, and computes nothing. Dawn ends with this object, whatever else is held.
const dawn = packages('webgpu').create(['backend=null']);

async function checkWgsl(texts) {
  const adapter = await dawn.requestAdapter();
  const device = await adapter.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups'] });
  const problems = [];
  for (const [text, owner] of texts) {
    device.pushErrorScope('validation');
    const { messages } = await device.createShaderModule({ code: text }).getCompilationInfo();
    await device.popErrorScope();
    for (const { type, lineNum, message } of messages) if (type === 'error') problems.push(describe(owner, text, lineNum, message));
  }
  device.destroy();
  return problems;
}

async function checkGlsl(texts) {
  const files = [...texts].map(([text, owner], i) => ({ path: join(folder, `${i}.frag`), text, owner }));
  for (const { path, text } of files) writeFileSync(path, text);
  const output = await new Promise((resolve, reject) =>
    execFile('glslangValidator', files.map(({ path }) => path), { maxBuffer: 64 << 20 }, (error, stdout) =>
      error?.code === 'ENOENT' ? reject(new Error('glslangValidator is missing: scripts/setup test')) : resolve(stdout),
    ),
  );
  // It names a file, and then what is wrong there.
  let file = null;
  const problems = [];
  for (const line of output.split('\n')) {
    file = files.find(({ path }) => path === line) ?? file;
    const [, number, message] = line.match(/^ERROR: \d+:(\d+): (.*)$/) ?? [];
    if (number) problems.push(describe(file.owner, file.text, Number(number), message));
    else if (line.startsWith('ERROR')) problems.push(`${file?.owner}: ${line}`);
  }
  assert.ok(files.every(({ path }) => output.includes(`${path}\n`)), 'glslang has seen every shader');
  return problems;
}

const checks = { wgsl: checkWgsl, glsl: checkGlsl };
for (const [language, check] of Object.entries(checks)) {
  test(`all shaders are valid ${language === 'wgsl' ? 'WGSL' : 'GLSL ES 3.00'}`, async () => {
    assert.ok(shaders[language].size > 50);
    const fillsInputs = [...shaders[language].keys()].filter((text) => text.includes('texture_external'));
    assert.equal(fillsInputs.length > 0, language === 'wgsl');
    assert.deepEqual(await check(shaders[language]), []);
  });
  test(`what is wrong with ${language} is told with its place`, async () => {
    const [[text]] = shaders[language];
    const broken = `${text}\nvoid broken( { }\n`;
    const [problem] = await check(new Map([[broken, 'a broken one']]));
    assert.match(problem, new RegExp(`^a broken one, line ${broken.split('\n').length - 1}: void broken`));
  });
}
