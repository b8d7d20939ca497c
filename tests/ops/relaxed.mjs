// Whether this Node.js runs WebAssembly with relaxed SIMD.
import { spawnSync } from 'node:child_process';

// A module with one function: f32x4.relaxed_madd of zeros.
const relaxedModule = '0061736d010000000105016000017b030201000a130111004100fd0f4100fd0f4100fd0ffd85020b';

/**
 * The flags with which it does; undefined when it does not. Where that is experimental (20), the baseline compiler adds a
 * relaxed dot product to itself in place of its addend.
 */
export function relaxedFlags() {
  const script = `process.exit(WebAssembly.validate(Buffer.from('${relaxedModule}', 'hex')) ? 0 : 1)`;
  const validates = (flags) => spawnSync(process.execPath, ['--no-warnings', ...flags, '-e', script]).status === 0;
  return [[], ['--experimental-wasm-relaxed-simd', '--no-liftoff']].find(validates);
}
