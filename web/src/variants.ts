import { LinnetError } from './errors.js';
import type { Variant } from './types.js';

// Whether this browser accepts a module with one function of these instructions and a shared memory or none.
function accepts(instructions: number[], sharedMemory = false): boolean {
  const body = [0, ...instructions, 0x0b];
  const module = [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 4, 1, 0x60, 0, 0], // types: () -> ()
    ...[3, 2, 1, 0], // functions: one, of that type
    ...(sharedMemory ? [5, 4, 1, 3, 1, 1] : []), // memories: one page, shared
    ...[10, body.length + 2, 1, body.length, ...body],
  ];
  return WebAssembly.validate(new Uint8Array(module));
}

const zeroVector = [0xfd, 0x0c, ...new Array<number>(16).fill(0)]; // v128.const 0
const drop = 0x1a;

/** What of WebAssembly this page can use. */
export interface Capabilities {
  readonly simd: boolean;
  readonly relaxedSimd: boolean;
  /** Shared memory and atomics, in a page that may use them. */
  readonly threads: boolean;
}

export function detectCapabilities(): Capabilities {
  if (typeof WebAssembly !== 'object') return { simd: false, relaxedSimd: false, threads: false };
  return {
    simd: accepts([...zeroVector, drop]),
    relaxedSimd: accepts([...zeroVector, ...zeroVector, ...zeroVector, 0xfd, 0x85, 0x02, drop]), // f32x4.relaxed_madd
    threads: globalThis.crossOriginIsolated === true && accepts([0x41, 0, 0xfe, 0x10, 2, 0, drop], true), // atomic load
  };
}

/** The best variant for `threads` threads, or the forced one, and how many threads it will have. */
export function chooseVariant(
  capabilities: Capabilities,
  threads: number,
  forced?: Variant,
): { variant: Variant; threads: number } {
  if (!capabilities.simd)
    throw new LinnetError(
      'UnsupportedHost',
      'this browser has no WebAssembly SIMD; it came with Chrome 91, Firefox 89 and Safari 16.4',
    );
  const variant =
    forced ?? `${capabilities.relaxedSimd ? 'relaxed' : 'simd'}${capabilities.threads && threads > 1 ? '-threads' : ''}`;
  if (variant.startsWith('relaxed') && !capabilities.relaxedSimd)
    throw new LinnetError('UnsupportedHost', `variant ${variant} needs WebAssembly relaxed SIMD, which is missing here`);
  if (!variant.endsWith('-threads')) return { variant, threads: 1 };
  if (!capabilities.threads)
    throw new LinnetError('UnsupportedHost', `variant ${variant} needs a cross-origin isolated page`);
  return { variant, threads };
}
