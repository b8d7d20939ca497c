// Tells by a message for each API which GPU adapters there are, and is ended by the page.
import type { Adapters } from '../protocol.js';
import type { WorkerScope } from './scope.js';

interface Gpu {
  requestAdapter(options: { powerPreference: string }): Promise<{ readonly info?: Readonly<Record<string, unknown>> } | null>;
}

// As the backends open them: of two GPUs it names the one that will be used.
const preference = { powerPreference: 'high-performance' } as const;

async function webgpu(): Promise<string | null> {
  const gpu = (navigator as { gpu?: Gpu }).gpu;
  const adapter = await gpu?.requestAdapter(preference).catch(() => null);
  if (!adapter) return null;
  const parts = ['vendor', 'architecture', 'device', 'description'].map((key) => adapter.info?.[key]);
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ') || 'unnamed';
}

function webgl2(): string | null {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2', preference);
  if (!gl) return null;
  const named = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(named?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  // Contexts are few; this one goes at once.
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return name || 'unnamed';
}

const scope = globalThis as unknown as WorkerScope<never, Adapters>;
const asked = webgpu();
scope.postMessage({ webgl2: webgl2() });
scope.postMessage({ webgpu: await asked });
