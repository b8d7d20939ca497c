// The few WASI calls that the engine refers to: it prints one line before it stops over an internal error, and reads the
// clock to profile and to find the number of threads.

/** Text that the engine printed, latest last, cut to its end. */
export interface Printed {
  text: string;
}

export function wasiImports(memory: () => WebAssembly.Memory, printed: Printed): WebAssembly.ModuleImports {
  const decoder = new TextDecoder();
  return {
    fd_write(_file: number, list: number, count: number, written: number): number {
      const view = new DataView(memory().buffer);
      let total = 0;
      for (let i = 0; i < count; ++i) {
        const address = view.getUint32(list + 8 * i, true);
        const bytes = view.getUint32(list + 8 * i + 4, true);
        printed.text = (printed.text + decoder.decode(new Uint8Array(memory().buffer, address, bytes).slice())).slice(-500);
        total += bytes;
      }
      view.setUint32(written, total, true);
      return 0;
    },
    clock_time_get(_clock: number, _precision: bigint, result: number): number {
      new DataView(memory().buffer).setBigUint64(result, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
  };
}
