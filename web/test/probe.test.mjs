// What the probe asks browsers for, on stand-ins of their interfaces.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importTypeScript } from './bundle.mjs';

test('the probe looks for the GPU that the backends open', async () => {
  const asked = [];
  const told = [];
  const info = { vendor: 'large', architecture: '', device: 'one' };
  const requestAdapter = async (options) => (asked.push(options?.powerPreference), { info });
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: { requestAdapter } }, configurable: true });
  globalThis.OffscreenCanvas = class {
    getContext(kind, options) {
      asked.push(options?.powerPreference);
      return { getExtension: () => null, getParameter: () => 'large one by GL' };
    }
  };
  globalThis.postMessage = (message) => told.push(message);
  await importTypeScript('web/src/worker/probe_worker.ts');
  assert.deepEqual(asked, ['high-performance', 'high-performance']);
  assert.deepEqual(Object.assign({}, ...told), { webgpu: 'large one', webgl2: 'large one by GL' });
});
