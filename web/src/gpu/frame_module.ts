// The module for images on WebGPU: the shader that fills a plan's input, and its tables for images of one size.
import { LinnetError } from '../errors.js';
import { Abi, abiHash, type FrameExports, FrameSetup } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';
import { dtypes } from '../worker/engine.js';
import { nameBytes, writeImageSpec } from '../worker/image_spec.js';
import { type Printed, wasiImports } from '../worker/wasi.js';
import type { GpuPort } from './compiler.js';

interface ModuleExports extends FrameExports {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
}

export interface FramePlan {
  readonly shader: string;
  readonly tables: Uint8Array<ArrayBuffer>;
  /** Invocations of the first step, in both directions. */
  readonly width: number;
  readonly lines: number;
}

export class FrameModule {
  private constructor(private readonly exports: ModuleExports) {}

  static async open(url: URL): Promise<FrameModule> {
    const response = await fetch(url);
    const printed: Printed = { text: '' };
    let exports: ModuleExports | null = null;
    const imports = { wasi_snapshot_preview1: wasiImports(() => exports!.memory, printed) };
    const { instance } = await WebAssembly.instantiate(await response.arrayBuffer(), imports);
    exports = instance.exports as unknown as ModuleExports;
    exports._initialize();
    if (exports.frame_abi_hash() >>> 0 !== abiHash)
      throw new LinnetError('EngineFailed', 'the script and linnet-frames.wasm are of different builds');
    return new FrameModule(exports);
  }

  /** Throws where such images cannot become this input, or not so; the engine then says why. */
  plan(input: GpuPort, plan: ImagePlan, width: number, height: number, external: boolean): FramePlan {
    const { exports } = this;
    const setup = exports.frame_setup();
    let view = new DataView(exports.memory.buffer);
    const u32 = (field: number) => view.getUint32(setup + field, true);
    const set = (field: number, value: number) => view.setUint32(setup + field, value, true);
    if (nameBytes(plan) <= Abi.kFrameNameBytes) {
      const layout = { width, height, format: Abi.kImageRgba, matrix: 0, fullRange: false };
      writeImageSpec(view, u32(FrameSetup.image), u32(FrameSetup.names), plan, layout);
      set(FrameSetup.external, +external);
      set(FrameSetup.place, input.place);
      set(FrameSetup.dtype, Object.values(dtypes).indexOf(input.dtype));
      set(FrameSetup.rank, input.shape.length);
      input.shape.forEach((size, axis) => set(FrameSetup.dims + 4 * axis, size));
      if (exports.frame_compile()) {
        view = new DataView(exports.memory.buffer);
        const bytes = (start: number, length: number) => new Uint8Array(exports.memory.buffer, u32(start), length).slice();
        return {
          shader: new TextDecoder().decode(bytes(FrameSetup.shader, u32(FrameSetup.shader_bytes))),
          tables: bytes(FrameSetup.words, 4 * u32(FrameSetup.word_count)),
          width: u32(FrameSetup.width),
          lines: u32(FrameSetup.lines),
        };
      }
    }
    throw new LinnetError('BadImage', 'such images do not become this input on the GPU');
  }
}
