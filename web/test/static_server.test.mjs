import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from '../scripts/static_server.mjs';

let folder, server;

// A request whose path is sent as it is written; fetch would tidy it.
function ask(path, { method = 'GET', headers = {} } = {}) {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'linnet-serve-'));
  mkdirSync(join(folder, 'site/sub'), { recursive: true });
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'site/index.html'), '<p>home');
  writeFileSync(join(folder, 'site/a.wasm'), '0123456789');
  writeFileSync(join(folder, 'site/empty.bin'), '');
  writeFileSync(join(folder, 'models/m.bin'), 'weights');
  symlinkSync(join(folder, 'secret.txt'), join(folder, 'site/link.txt'));
  server = await serve({
    mounts: [
      ['/', join(folder, 'site')],
      ['/models/', join(folder, 'models')],
    ],
    documents: { '/config.json': '{"model":"x"}' },
  });
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('serves files, folders with an index, mounts and documents', async () => {
  assert.equal((await ask('/')).body, '<p>home');
  assert.equal((await ask('/models/m.bin')).body, 'weights');
  const config = await ask('/config.json');
  assert.equal(config.headers['content-type'], 'application/json');
  assert.equal(config.body, '{"model":"x"}');
  assert.equal((await ask('/empty.bin')).status, 200);
});

test('names types and forbids guessing them', async () => {
  const { headers } = await ask('/a.wasm?version=1');
  assert.equal(headers['content-type'], 'application/wasm');
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('isolates and restricts every answer', async () => {
  for (const path of ['/', '/none']) {
    const { headers } = await ask(path);
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
    assert.match(headers['content-security-policy'], /script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'/);
  }
});

test('never leaves its folders', async () => {
  const paths = ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/sub/../../secret.txt', '/link.txt', '/models/../secret.txt', '//../secret.txt', '/a.wasm%00'];
  for (const path of paths) {
    const { status, body } = await ask(path);
    assert.ok(status === 404 || status === 400, `${path} gave ${status}`);
    assert.ok(!body.includes('secret\n') && body !== 'secret', path);
  }
  assert.equal((await ask('/%')).status, 400);
  assert.equal((await ask('/sub')).status, 404);
});

test('answers ranges and HEAD', async () => {
  const range = (value) => ask('/a.wasm', { headers: { Range: `bytes=${value}` } });
  const middle = await range('2-4');
  assert.deepEqual([middle.status, middle.body, middle.headers['content-range']], [206, '234', 'bytes 2-4/10']);
  assert.equal((await range('7-')).body, '789');
  assert.equal((await range('-3')).body, '789');
  assert.equal((await range('8-99')).body, '89');
  assert.equal((await range('10-')).status, 416);
  assert.equal((await range('x')).status, 200);
  const head = await ask('/a.wasm', { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', '']);
  assert.equal((await ask('/', { method: 'POST' })).status, 405);
});
