// Opens WebGL2, without a canvas on the page.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import { emulated, type GpuHost } from './host.js';
import { Errors, lostError } from './webgl2_context.js';
import { WebGl2Replay } from './webgl2_replay.js';

/** Opens a context of its own. Rejects with UnsupportedHost where there is none that can draw numbers. */
export async function openHost(): Promise<GpuHost> {
  const canvas = new OffscreenCanvas(1, 1);
  const gl = canvas.getContext('webgl2', { antialias: false, depth: false, powerPreference: 'high-performance' });
  if (!gl) throw new LinnetError('UnsupportedHost', 'this browser gives no WebGL2 context');
  const half = !gl.getExtension('EXT_color_buffer_float');
  if (half && !gl.getExtension('EXT_color_buffer_half_float'))
    throw new LinnetError('UnsupportedHost', 'this GPU draws no floating-point numbers in WebGL2');
  const named = gl.getExtension('WEBGL_debug_renderer_info');
  const adapter = String(gl.getParameter(named?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  const errors = new Errors(gl);
  let closed = false;
  return {
    adapter,
    target: {
      api: Abi.kGpuApiWebGl2,
      f16: half,
      f16Arithmetic: false,
      minSubgroup: 0,
      maxSubgroup: 0,
      software: emulated.test(adapter),
      maxBindingBytes: 0,
      maxWorkgroups: 0,
      maxTextureSize: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    },
    replay: (plan, cpu, pack) => WebGl2Replay.create(gl, errors, half, plan, cpu, pack),
    watch: (onLost) =>
      canvas.addEventListener('webglcontextlost', () => {
        if (!closed) onLost(lostError());
      }),
    close: () => {
      closed = true;
      // Contexts are few; this one goes at once.
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}
