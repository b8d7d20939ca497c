// Models from files and over HTTP, good and bad.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { colourModel, linnet, npy, png, scratchFolder, writeModel } from './fixtures.mjs';

const folder = scratchFolder();
const good = colourModel({ metadata: { normalisation: 'unit' } });
const goodFiles = { '/m/model.json': JSON.stringify(good.json), '/m/weights.bin': good.weights };

/** Expects failure with exit code 1, a message, and nothing on stdout. */
async function fails(args, message) {
  const { code, stdout, stderr } = await linnet(...args);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /internal error|Sanitizer/);
  assert.equal(stdout, '');
  assert.equal(code, 1);
}

let server;
let url;
before(async () => {
  server = createServer((request, response) => {
    const path = request.url.split('?')[0];
    if (path === '/moved/model.json') return response.writeHead(302, { Location: '/m/model.json' }).end();
    if (path === '/loop') return response.writeHead(302, { Location: '/loop' }).end();
    if (path === '/broken/model.json') return response.writeHead(500).end('oh');
    if (path === '/keyed/model.json' || path === '/keyed/weights.bin') {
      if (!request.url.endsWith('?key=1')) return response.writeHead(403).end();
      return response.end(goodFiles[path.replace('keyed', 'm')]);
    }
    if (path === '/cut/model.json') {
      response.writeHead(200, { 'Content-Length': 1000 });
      response.write('{"modelTopology"');
      return setTimeout(() => response.destroy(), 20);
    }
    if (path === '/red.png') return response.end(png(4, 4, [255, 0, 0]));
    const content = goodFiles[path] ?? (path === '/half/model.json' ? goodFiles['/m/model.json'] : undefined);
    if (content === undefined) return response.writeHead(404).end();
    return response.end(content);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections?.();
  server.close();
});

test('a model comes over HTTP, by its folder, its file, or with a query', async () => {
  for (const where of ['/m/model.json', '/m', '/m/', '/keyed/model.json?key=1', '/keyed?key=1']) {
    const { code, stdout, stderr } = await linnet('inspect', url + where, '--json');
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).parameters, 9);
  }
});

test('images come over HTTP too', async () => {
  const { stdout } = await linnet('classify', `${url}/m`, `${url}/red.png`, '--json');
  assert.equal(JSON.parse(stdout).images[0].top[0].index, 0);
});

test('what HTTP refuses is named', async () => {
  await fails(['inspect', `${url}/none/model.json`], /none\/model\.json: the server answered HTTP 404/);
  await fails(['inspect', `${url}/broken/model.json`], /HTTP 500/);
  await fails(['inspect', `${url}/half/model.json`], /half\/weights\.bin: the server answered HTTP 404/);
  await fails(['inspect', `${url}/cut/model.json`], /cut\/model\.json: /);
  await fails(['inspect', `${url}/loop`], /loop/);
  await fails(['inspect', 'http://127.0.0.1:1/model.json'], /127\.0\.0\.1:1\/model\.json: .*connect/i);
  await fails(['inspect', 'http://host.invalid/model.json'], /host\.invalid/);
});

test('what is not a model is named', async () => {
  await fails(['inspect', join(folder, 'none')], /none: no such model/);
  await fails(['inspect', folder], /no model\.json/);
  await fails(['inspect', writeModel(folder, 'empty', { json: '' })], /model\.json: /);
  await fails(['inspect', writeModel(folder, 'text', { json: 'hello' })], /model\.json: .*line 1/);
  await fails(['inspect', writeModel(folder, 'cut', { json: '{"modelTopology": {\n "node": [' })], /line 2/);
  await fails(['inspect', writeModel(folder, 'other', { json: '{"a": 1}' })], /model\.json: /);
});

test('weights that do not fit are named', async () => {
  await fails(['inspect', writeModel(folder, 'unweighted', { json: good.json })], /weights\.bin: cannot open/);
  const shorter = { json: good.json, weights: good.weights.subarray(0, 40) };
  await fails(['inspect', writeModel(folder, 'shorter', shorter)], /40/);
  const longer = { json: good.json, weights: Buffer.concat([good.weights, Buffer.of(1)]) };
  await fails(['inspect', writeModel(folder, 'longer', longer)], /weights\.bin: .*44 bytes/);
  for (const path of ['../colours/weights.bin', '/etc/hostname']) {
    const outside = structuredClone(good);
    outside.json.weightsManifest[0].paths = [path];
    await fails(['inspect', writeModel(folder, 'outside', outside)], /model\.json: .*(weights\.bin|hostname)/);
  }
});

test('an op that is missing is named with its node', async () => {
  const strange = structuredClone(good);
  strange.json.modelTopology.node.find(({ name }) => name === 'mean').op = 'Teleport';
  for (const command of [['inspect'], ['run', '--input', 'random']]) {
    const [name, ...flags] = command;
    await fails([name, writeModel(folder, 'strange', strange), ...flags], /mean.*Teleport|Teleport.*mean/);
  }
});

test('inputs that do not fit are named', async () => {
  const model = writeModel(folder, 'colours', good);
  const put = (name, content) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const run = (input) => ['run', model, '--input', input];
  await fails(run(join(folder, 'none.npy')), /none\.npy: cannot open/);
  await fails(run(put('shape.npy', npy([1, 3, 4, 3], Array(36).fill(0)))), /shape\.npy: .*\[1,3,4,3\].*\[1,4,4,3\]/);
  await fails(run(put('short.bin', Buffer.alloc(12))), /short\.bin: 12 bytes.*192/);
  await fails([...run('random'), '--output', join(folder, 'no/such/out.npy')], /out\.npy: cannot create/);
});

test('a model that takes no image cannot classify', async () => {
  const image = join(folder, 'red.png');
  writeFileSync(image, png(4, 4, [255, 0, 0]));
  const model = structuredClone(good);
  for (const shape of [model.json.modelTopology.node[0].attr.shape.shape, model.json.signature.inputs.image.tensorShape])
    shape.dim = ['2', '4', '4', '3'].map((size) => ({ size }));
  await fails(['classify', writeModel(folder, 'pairs', model), image], /input 'image': .*\[1,height,width,3\].*\[2,4,4,3\]/);
});
