// The module for GPUs: turns a graph that the engine hands over into a plan, and packs its weights.
import { codeOfNumber, LinnetError } from '../errors.js';
import {
  Abi,
  abiHash,
  ErrorInfo,
  GpuCpuStep,
  type GpuExports,
  GpuInfo,
  GpuPiece,
  GpuSetup,
  GpuShader,
  GpuTexture as Texture,
  PortInfo,
} from '../generated/abi.js';
import type { DType, TensorInfo } from '../types.js';
import { dtypes } from '../worker/engine.js';
import { type Printed, wasiImports } from '../worker/wasi.js';

interface GpuModuleExports extends GpuExports {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
}

/** What a plan is made for: an API (Abi.kGpuApi...) and what the adapter allows. */
export interface GpuTarget {
  readonly api: number;
  readonly software: boolean;
  /** Whether tensors and weights are stored as f16, and whether shaders can compute in it. */
  readonly f16: boolean;
  readonly f16Arithmetic: boolean;
  /** The least and the most invocations of a subgroup; 0 where shaders cannot use them. */
  readonly minSubgroup: number;
  readonly maxSubgroup: number;
  readonly maxBindingBytes: number;
  readonly maxWorkgroups: number;
  readonly maxTextureSize: number;
}

/** A texture of WebGL2: texels of `lanes` elements. */
export interface GpuTexture {
  readonly width: number;
  readonly height: number;
  readonly layers: number;
  readonly lanes: number;
  readonly dtype: DType;
}

/** An input or output, and where it lies: a byte of the arena, or of the weights; on WebGL2 4 times its texture's number. */
export interface GpuPort extends TensorInfo {
  readonly bytes: number;
  readonly place: number;
  readonly inWeights: boolean;
}

export interface GpuWeightPiece {
  readonly offset: number;
  readonly bytes: number;
  /** The constant that it is packed from; 0xffffffff: none. */
  readonly source: number;
}

/** Nodes that run on the CPU, and where their operands and results lie. */
export interface CpuPart {
  readonly first: number;
  readonly last: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A compiled plan. Its words are replayed by a switch over opcodes. */
export interface GpuPlan {
  readonly inputs: readonly GpuPort[];
  readonly outputs: readonly GpuPort[];
  readonly steps: number;
  /** The nodes of the graph that the steps belong to. */
  readonly stepNodes: readonly number[];
  readonly words: Uint32Array;
  readonly shaders: readonly string[];
  readonly pieces: readonly GpuWeightPiece[];
  readonly cpuParts: readonly CpuPart[];
  readonly textures: readonly GpuTexture[];
  /** The parameters of all dispatches, and the most bytes that one reads. */
  readonly params: Uint8Array<ArrayBuffer>;
  readonly mostParamBytes: number;
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
  readonly weightsBytes: number;
}

export const noSource = 0xffffffff;

/** One instance of the module, for one plan. Dropping it frees all that it held. */
export class GpuCompiler {
  readonly #decoder = new TextDecoder();

  private constructor(
    private readonly exports: GpuModuleExports,
    private readonly printed: Printed,
  ) {}

  static async create(module: WebAssembly.Module): Promise<GpuCompiler> {
    const printed: Printed = { text: '' };
    let exports: GpuModuleExports | null = null;
    const imports = { wasi_snapshot_preview1: wasiImports(() => exports!.memory, printed) };
    exports = (await WebAssembly.instantiate(module, imports)).exports as unknown as GpuModuleExports;
    exports._initialize();
    const hash = exports.gpu_abi_hash() >>> 0;
    if (hash !== abiHash) throw new LinnetError('EngineFailed', 'the script and linnet-gpu.wasm are of different builds');
    return new GpuCompiler(exports, printed);
  }

  /** Compiles the graph of these flat words. */
  compile(words: Uint8Array, target: GpuTarget): GpuPlan {
    const setup = this.#must((e) => e.gpu_setup(words.length / 4));
    const view = this.#view();
    view.setFloat64(setup + GpuSetup.max_binding_bytes, target.maxBindingBytes, true);
    view.setUint32(setup + GpuSetup.api, target.api, true);
    view.setUint32(setup + GpuSetup.software, +target.software, true);
    view.setUint32(setup + GpuSetup.f16, +target.f16, true);
    view.setUint32(setup + GpuSetup.f16_arithmetic, +target.f16Arithmetic, true);
    view.setUint32(setup + GpuSetup.min_subgroup, target.minSubgroup, true);
    view.setUint32(setup + GpuSetup.max_subgroup, target.maxSubgroup, true);
    view.setUint32(setup + GpuSetup.max_workgroups, target.maxWorkgroups, true);
    view.setUint32(setup + GpuSetup.max_texture_size, target.maxTextureSize, true);
    this.#bytes(view.getUint32(setup + GpuSetup.words, true), words.length).set(words);
    return this.#describe(this.#must((e) => e.gpu_compile()));
  }

  /** The packed bytes of a piece; `source` are the elements of the constant behind it. Good until the next call. */
  pack(piece: number, source: Uint8Array | null): Uint8Array<ArrayBuffer> {
    if (source) {
      const room = this.#must((e) => e.gpu_source(piece, source.length));
      this.#bytes(room, source.length).set(source);
    }
    const address = this.#must((e) => e.gpu_pack(piece));
    return this.#bytes(address, this.#pieceBytes[piece]!);
  }
  #pieceBytes: number[] = [];

  #describe(info: number): GpuPlan {
    const view = this.#view();
    const u32 = (address: number) => view.getUint32(address, true);
    const list = <T>(start: number, count: number, size: number, read: (at: number) => T): T[] =>
      Array.from({ length: u32(info + count) }, (_, i) => read(u32(info + start) + i * size));
    const text = (at: number) => this.#decoder.decode(this.#bytes(u32(at), u32(at + 4)));
    const place = (at: number) => u32(at) % Abi.kGpuInWeights;
    const port = (at: number): GpuPort => ({
      name: text(at + PortInfo.name),
      dtype: dtypes[u32(at + PortInfo.dtype)]!,
      shape: Array.from({ length: u32(at + PortInfo.rank) }, (_, axis) => u32(at + PortInfo.dims + 4 * axis)),
      bytes: u32(at + PortInfo.bytes),
      place: place(at + PortInfo.data),
      inWeights: u32(at + PortInfo.data) >= Abi.kGpuInWeights,
    });
    const pieces = list(GpuInfo.pieces, GpuInfo.piece_count, GpuPiece.sizeof, (at) => ({
      offset: u32(at + GpuPiece.offset),
      bytes: u32(at + GpuPiece.bytes),
      source: u32(at + GpuPiece.source),
    }));
    this.#pieceBytes = pieces.map(({ bytes }) => bytes);
    return {
      inputs: list(GpuInfo.inputs, GpuInfo.input_count, PortInfo.sizeof, port),
      outputs: list(GpuInfo.outputs, GpuInfo.output_count, PortInfo.sizeof, port),
      steps: u32(info + GpuInfo.steps),
      stepNodes: list(GpuInfo.step_nodes, GpuInfo.steps, 4, u32),
      words: Uint32Array.from(list(GpuInfo.words, GpuInfo.word_count, 4, u32)),
      shaders: list(GpuInfo.shaders, GpuInfo.shader_count, GpuShader.sizeof, (at) => text(at + GpuShader.text)),
      pieces,
      cpuParts: list(GpuInfo.cpu_steps, GpuInfo.cpu_step_count, GpuCpuStep.sizeof, (at) => {
        const places = u32(info + GpuInfo.places) + 4 * u32(at + GpuCpuStep.places);
        const inputs = u32(at + GpuCpuStep.input_count);
        const all = Array.from({ length: inputs + u32(at + GpuCpuStep.output_count) }, (_, i) => u32(places + 4 * i));
        return {
          first: u32(at + GpuCpuStep.first),
          last: u32(at + GpuCpuStep.last),
          inputs: all.slice(0, inputs),
          outputs: all.slice(inputs),
        };
      }),
      textures: list(GpuInfo.textures, GpuInfo.texture_count, Texture.sizeof, (at) => ({
        width: u32(at + Texture.width),
        height: u32(at + Texture.height),
        layers: u32(at + Texture.layers),
        lanes: u32(at + Texture.lanes),
        dtype: dtypes[u32(at + Texture.dtype)]!,
      })),
      params: this.#bytes(u32(info + GpuInfo.params), u32(info + GpuInfo.params_bytes)).slice(),
      mostParamBytes: u32(info + GpuInfo.most_param_bytes),
      arenaBytes: u32(info + GpuInfo.arena_bytes),
      lowerBoundBytes: u32(info + GpuInfo.lower_bound_bytes),
      weightsBytes: u32(info + GpuInfo.weights_bytes),
    };
  }

  #view(): DataView {
    return new DataView(this.exports.memory.buffer);
  }

  #bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.exports.memory.buffer, address, length);
  }

  // Calls an export whose 0 means failure. A trap is an internal error.
  #must(call: (exports: GpuModuleExports) => number): number {
    let result: number;
    try {
      result = call(this.exports) >>> 0;
    } catch (error) {
      throw new LinnetError('EngineFailed', `${error instanceof Error ? error.message : error} ${this.printed.text}`.trim());
    }
    if (result !== 0) return result;
    const info = this.exports.gpu_last_error();
    const view = this.#view();
    const text = this.#bytes(view.getUint32(info + ErrorInfo.text, true), view.getUint32(info + ErrorInfo.text_bytes, true));
    throw new LinnetError(codeOfNumber(view.getUint32(info + ErrorInfo.code, true)), this.#decoder.decode(text));
  }
}
