// One helper thread: an instance of the module over the owner's memory, parked in the engine until there is work.
import type { HelperExports } from '../generated/abi.js';
import type { HelperStart } from '../protocol.js';
import type { WorkerScope } from './scope.js';
import { type Printed, wasiImports } from './wasi.js';

interface ThreadExports extends HelperExports {
  readonly __stack_pointer: WebAssembly.Global<'i32'>;
  readonly __wasm_init_tls: (address: number) => void;
  readonly __tls_align: WebAssembly.Global<'i32'>;
}

const scope = globalThis as unknown as WorkerScope<HelperStart, 'ready'>;

scope.onmessage = async ({ data }: MessageEvent<HelperStart>) => {
  const { module, memory, index, stackTop, tls } = data;
  const printed: Printed = { text: '' };
  const instance = await WebAssembly.instantiate(module, {
    env: { memory },
    wasi_snapshot_preview1: wasiImports(() => memory, printed),
  });
  const engine = instance.exports as unknown as ThreadExports;
  engine.__stack_pointer.value = stackTop;
  engine.__wasm_init_tls(tls);
  scope.postMessage('ready');
  try {
    engine.helper_run(index);
  } catch (error) {
    // The owner waits inside the engine: it learns of this there, and raises the error.
    engine.helper_failed();
    console.error(`linnet thread ${index}:`, error, printed.text);
  }
};
