// Blocks of bytes that the engine has the host keep, outside of its own memory.
import type { EngineImports } from '../generated/abi.js';

export type Blocks = Map<number, Uint8Array>;

/** The functions by which the engine, in `memory`, makes and uses `blocks`. */
export function blockImports(blocks: Blocks, memory: () => WebAssembly.Memory): EngineImports {
  let last = 0;
  const bytesAt = (address: number, bytes: number) => new Uint8Array(memory().buffer, address >>> 0, bytes);
  return {
    block_new(bytes) {
      try {
        blocks.set(++last, new Uint8Array(bytes >>> 0));
        return last;
      } catch {
        return 0;
      }
    },
    block_write(block, at, from, bytes) {
      blocks.get(block)!.set(bytesAt(from, bytes), at);
    },
    block_read(block, into) {
      const bytes = blocks.get(block)!;
      bytesAt(into, bytes.length).set(bytes);
    },
    block_drop(block) {
      blocks.delete(block);
    },
  };
}
