// The engine's module in this worker: instantiation, and its exports with text, structs and errors translated.
import { codeOfNumber, LinnetError } from '../errors.js';
import {
  Abi,
  abiHash,
  CompileSpec,
  type EngineExports,
  ErrorInfo,
  GraphInfo,
  HeapMark,
  ImageSpec,
  InputShape,
  ModelInfo,
  NodeInfo,
  PortInfo,
  ProfileInfo,
  SessionInfo,
  ShardInfo,
  ShardRoom,
} from '../generated/abi.js';
import type { HelperStart, ImagePlan } from '../protocol.js';
import type { DType, HeapFigures, NodeTime, TensorInfo } from '../types.js';
import { blockImports, type Blocks } from './host_blocks.js';
import { type ImageLayout, nameBytes, writeImageSpec } from './image_spec.js';
import { type Printed, wasiImports } from './wasi.js';

interface ReactorExports extends EngineExports {
  readonly memory?: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly __tls_size?: WebAssembly.Global<'i32'>;
}

export const dtypes: Record<number, DType> = {
  [Abi.kDTypeF32]: 'f32',
  [Abi.kDTypeF16]: 'f16',
  [Abi.kDTypeI32]: 'i32',
  [Abi.kDTypeI8]: 'i8',
  [Abi.kDTypeU8]: 'u8',
  [Abi.kDTypeBool]: 'bool',
};

/** A tensor of a session, and where it lies. */
export interface Port extends TensorInfo {
  readonly address: number;
  readonly bytes: number;
}

export interface ModelDescription {
  readonly shards: readonly string[];
  readonly weightsBytes: number;
  readonly metadata: string;
}

/** A graph that the engine holds. */
export interface EngineGraph {
  readonly handle: number;
  readonly macs: number;
  /** Flat words without the constants' elements, in the engine's memory. */
  readonly words: Uint8Array;
  /** Its nodes by number, without times. */
  readonly nodes: readonly NodeTime[];
  /** The elements of a constant, in the engine's memory or outside. Good until the next call. */
  readonly constant: (value: number) => Uint8Array;
}

export interface SessionDescription {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly threads: number;
  readonly steps: number;
  readonly macs: number;
  readonly arena: number;
  readonly lowerBound: number;
  readonly scratch: number;
  readonly weights: number;
  readonly resident: number;
}

// The most that this browser lets a shared memory reserve; some refuse large ones.
function sharedMemory(): WebAssembly.Memory {
  for (let pages: number = Abi.kMaximumPages; ; pages /= 2) {
    try {
      return new WebAssembly.Memory({ initial: Abi.kInitialPages, maximum: pages, shared: true });
    } catch (error) {
      if (pages <= 4 * Abi.kInitialPages) throw error;
    }
  }
}

export class Engine {
  #bytes: Uint8Array;
  #view: DataView;
  #dead: LinnetError | null = null;

  private constructor(
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    private readonly exports: ReactorExports,
    private readonly printed: Printed,
    private readonly blocks: Blocks,
  ) {
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  static async create(module: WebAssembly.Module, threads: boolean): Promise<Engine> {
    const printed: Printed = { text: '' };
    const blocks: Blocks = new Map();
    let memory = threads ? sharedMemory() : null;
    const imports: WebAssembly.Imports = { wasi_snapshot_preview1: wasiImports(() => memory!, printed) };
    if (memory) imports['env'] = { memory };
    else imports['linnet'] = { ...blockImports(blocks, () => memory!) };
    const instance = await WebAssembly.instantiate(module, imports);
    const exports = instance.exports as unknown as ReactorExports;
    memory ??= exports.memory!;
    exports._initialize();
    const hash = exports.abi_hash() >>> 0;
    if (hash !== abiHash)
      throw new LinnetError(
        'EngineFailed',
        `the script and the .wasm file are of different builds (${abiHash.toString(16)} and ${hash.toString(16)})`,
      );
    return new Engine(module, memory, exports, printed, blocks);
  }

  /** What a helper thread needs to join; helpers count from 1. */
  helperStart(index: number): HelperStart {
    const stack = this.#alloc(Abi.kHelperStackBytes);
    const tls = this.#alloc(this.exports.__tls_size!.value + 64);
    return { module: this.module, memory: this.memory, index, stackTop: stack + Abi.kHelperStackBytes, tls };
  }

  /** The memory's bytes as they are now: growth replaces the buffer. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  get #data(): DataView {
    if (this.#view.buffer !== this.memory.buffer) this.#view = new DataView(this.memory.buffer);
    return this.#view;
  }

  /** With `outside` the weights do not wait in the engine's memory, but in the host's. */
  openModel(json: Uint8Array, outside = false): { handle: number; description: ModelDescription } {
    const handle = this.#withBytes(json, (address) => this.#must((e) => e.model_open(address, json.length, outside ? 1 : 0)));
    const info = this.#must((e) => e.model_info(handle));
    const shards: string[] = [];
    for (let i = 0; i < this.#u32(info + ModelInfo.shard_count); ++i)
      shards.push(this.#text(this.#u32(info + ModelInfo.shards) + i * ShardInfo.sizeof + ShardInfo.path));
    return {
      handle,
      description: {
        shards,
        weightsBytes: this.#f64(info + ModelInfo.weights_bytes),
        metadata: this.#text(info + ModelInfo.metadata),
      },
    };
  }

  /** The next bytes of a shard, whose turn it must be. */
  writeShard(model: number, shard: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const room = this.#must((e) => e.shard_room(model, shard));
      const part = bytes.subarray(at, at + this.#u32(room + ShardRoom.bytes));
      this.bytes.set(part, this.#u32(room + ShardRoom.data));
      this.#must((e) => e.shard_filled(model, shard, part.length));
      at += part.length;
    }
  }

  /** Of the bytes of the shards so far, in hexadecimal. */
  weightsDigest(model: number): string {
    const info = this.#must((e) => e.model_info(model));
    const digits = (field: ModelInfo) => this.#u32(info + field).toString(16).padStart(8, '0');
    return digits(ModelInfo.digest_high) + digits(ModelInfo.digest_low);
  }

  endShard(model: number, shard: number): void {
    this.#must((e) => e.shard_end(model, shard));
  }

  compile(
    model: number,
    threads: number,
    batch: number,
    inputShapes: Readonly<Record<string, readonly number[]>>,
    measuredThreads = false,
  ): { handle: number; description: SessionDescription } {
    const handle = this.#withSpec(threads, batch, inputShapes, (spec) => {
      this.#setU32(spec + CompileSpec.measured_threads, measuredThreads ? 1 : 0);
      return this.#must((e) => e.session_compile(model, spec));
    });
    return { handle, description: this.#describe(handle) };
  }

  /** The model's graph, rewritten, for the module that compiles it for a GPU. Good until it is closed. */
  openGraph(model: number, batch: number, inputShapes: Readonly<Record<string, readonly number[]>>): EngineGraph {
    const handle = this.#withSpec(1, batch, inputShapes, (spec) => this.#must((e) => e.graph_open(model, spec)));
    const info = this.#must((e) => e.graph_info(handle));
    const words = this.#u32(info + GraphInfo.words);
    return {
      handle,
      macs: this.#f64(info + GraphInfo.macs),
      words: this.bytes.subarray(words, words + 4 * this.#u32(info + GraphInfo.word_count)),
      nodes: this.#nodes(this.#u32(info + GraphInfo.nodes), this.#u32(info + GraphInfo.node_count)),
      constant: (value) => {
        const outside = this.blocks.get(this.#call((e) => e.graph_block(handle, value)));
        if (outside) return outside;
        const bytes = this.#u32(this.#u32(info + GraphInfo.constant_bytes) + 4 * value);
        const address = bytes && this.#must((e) => e.graph_constant(handle, value));
        return this.bytes.subarray(address, address + bytes);
      },
    };
  }

  /** A session of nodes `first` to `last` of a graph; with `first` above `last`, of its inputs alone. */
  compileNodes(graph: number, first: number, last: number): { handle: number; description: SessionDescription } {
    const handle = this.#must((e) => e.graph_session(graph, first, last));
    return { handle, description: this.#describe(handle) };
  }

  /** Wakes the threads for a run that follows as soon as its inputs are written. */
  wake(session: number): void {
    if (this.#call((e) => e.session_wake(session)) === 0) throw this.#lastError();
  }

  /** Threads that take part in the next run. */
  threads(session: number): number {
    return this.#u32(this.#must((e) => e.session_info(session)) + SessionInfo.threads);
  }

  run(session: number): void {
    if (this.#call((e) => e.session_run(session)) === 0) throw this.#lastError();
  }

  /** Profiles `runs` runs on the inputs as they are. */
  profile(session: number, runs: number): NodeTime[] {
    const info = this.#must((e) => e.session_profile(session, runs));
    return this.#nodes(this.#u32(info + ProfileInfo.nodes), this.#u32(info + ProfileInfo.node_count));
  }

  #nodes(first: number, count: number): NodeTime[] {
    return Array.from({ length: count }, (_, i) => {
      const node = first + i * NodeInfo.sizeof;
      return {
        name: this.#text(node + NodeInfo.name),
        op: this.#text(node + NodeInfo.op),
        kernel: this.#text(node + NodeInfo.kernel),
        dtype: dtypes[this.#u32(node + NodeInfo.dtype)]!,
        window: this.#u32s(node + NodeInfo.window, 2),
        input: this.#u32s(node + NodeInfo.input, this.#u32(node + NodeInfo.input_rank)),
        output: this.#u32s(node + NodeInfo.output, this.#u32(node + NodeInfo.output_rank)),
        steps: this.#u32(node + NodeInfo.steps),
        macs: this.#f64(node + NodeInfo.macs),
        ms: this.#f64(node + NodeInfo.ms),
      };
    });
  }

  /** The address at which to put images of this layout, their planes one after the other. */
  prepareImage(session: number, input: number, plan: ImagePlan, layout: ImageLayout): number {
    const block = this.#alloc(ImageSpec.sizeof + nameBytes(plan));
    try {
      writeImageSpec(this.#data, block, block + ImageSpec.sizeof, plan, layout);
      return this.#must((e) => e.image_prepare(session, input, block));
    } finally {
      this.#release(block);
    }
  }

  loadImage(session: number, input: number): void {
    if (this.#call((e) => e.image_load(session, input)) === 0) throw this.#lastError();
  }

  close(handle: number): void {
    this.#must((e) => e.close(handle));
  }

  heap(): Omit<HeapFigures, 'keptTensors'> {
    const mark = this.#call((e) => e.heap_mark());
    return {
      allocations: this.#f64(mark + HeapMark.allocations),
      liveBlocks: this.#f64(mark + HeapMark.live_blocks),
      liveBytes: this.#f64(mark + HeapMark.live_bytes),
      peakBytes: this.#f64(mark + HeapMark.peak_bytes),
      liveHandles: this.#call((e) => e.live_handles()),
    };
  }

  // Calls `use` with the address of a CompileSpec.
  #withSpec<T>(
    threads: number,
    batch: number,
    inputShapes: Readonly<Record<string, readonly number[]>>,
    use: (address: number) => T,
  ): T {
    const shapes = Object.entries(inputShapes);
    const names = shapes.map(([name]) => new TextEncoder().encode(name));
    const blocks = [this.#alloc(CompileSpec.sizeof), this.#alloc(shapes.length * InputShape.sizeof)];
    const [spec, list] = blocks as [number, number];
    try {
      this.#setU32(spec + CompileSpec.batch, batch);
      this.#setU32(spec + CompileSpec.threads, threads);
      this.#setU32(spec + CompileSpec.measured_threads, 0);
      this.#setU32(spec + CompileSpec.shapes, list);
      this.#setU32(spec + CompileSpec.shape_count, shapes.length);
      shapes.forEach(([name, dims], i) => {
        if (dims.length > Abi.kMaxRank)
          throw new LinnetError('InvalidArgument', `the shape of '${name}' has more than ${Abi.kMaxRank} dimensions`);
        const at = list + i * InputShape.sizeof;
        const text = this.#alloc(names[i]!.length);
        blocks.push(text);
        this.bytes.set(names[i]!, text);
        this.#setU32(at + InputShape.name, text);
        this.#setU32(at + InputShape.name_bytes, names[i]!.length);
        this.#setU32(at + InputShape.rank, dims.length);
        dims.forEach((size, axis) => this.#setU32(at + InputShape.dims + 4 * axis, size));
      });
      return use(spec);
    } finally {
      for (const block of blocks) this.#release(block);
    }
  }

  #describe(session: number): SessionDescription {
    const info = this.#must((e) => e.session_info(session));
    const ports = (list: number, count: number): Port[] =>
      Array.from({ length: this.#u32(info + count) }, (_, i) => this.#port(this.#u32(info + list) + i * PortInfo.sizeof));
    return {
      inputs: ports(SessionInfo.inputs, SessionInfo.input_count),
      outputs: ports(SessionInfo.outputs, SessionInfo.output_count),
      threads: this.#u32(info + SessionInfo.threads),
      steps: this.#u32(info + SessionInfo.steps),
      macs: this.#f64(info + SessionInfo.macs),
      arena: this.#u32(info + SessionInfo.arena_bytes),
      lowerBound: this.#u32(info + SessionInfo.lower_bound_bytes),
      scratch: this.#u32(info + SessionInfo.scratch_bytes),
      weights: this.#u32(info + SessionInfo.weights_bytes),
      resident: this.#u32(info + SessionInfo.resident_bytes),
    };
  }

  #port(info: number): Port {
    return {
      name: this.#text(info + PortInfo.name),
      dtype: dtypes[this.#u32(info + PortInfo.dtype)]!,
      shape: this.#u32s(info + PortInfo.dims, this.#u32(info + PortInfo.rank)),
      address: this.#u32(info + PortInfo.data),
      bytes: this.#u32(info + PortInfo.bytes),
    };
  }

  // Calls an export. A trap is an internal error of the engine, after which nothing in its memory can be trusted.
  #call<T>(call: (exports: ReactorExports) => T): T {
    if (this.#dead) throw this.#dead;
    try {
      return call(this.exports);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#dead = new LinnetError('EngineFailed', `${reason}; load the model again. ${this.printed.text}`.trim());
      throw this.#dead;
    }
  }

  // Calls an export whose 0 means failure.
  #must(call: (exports: ReactorExports) => number): number {
    const result = this.#call(call);
    if (result === 0) throw this.#lastError();
    return result >>> 0;
  }

  #lastError(): LinnetError {
    const info = this.#call((e) => e.last_error());
    return new LinnetError(codeOfNumber(this.#u32(info + ErrorInfo.code)), this.#text(info + ErrorInfo.text));
  }

  #alloc(bytes: number): number {
    return this.#must((e) => e.alloc(bytes));
  }

  #withBytes<T>(source: Uint8Array, use: (address: number) => T): T {
    const address = this.#alloc(source.length);
    try {
      this.bytes.set(source, address);
      return use(address);
    } finally {
      this.#release(address);
    }
  }

  #release(address: number): void {
    if (!this.#dead) this.#call((e) => e.release(address));
  }

  // Fields of structs in memory. A text is a pointer and a count of bytes.
  #u32(address: number): number {
    return this.#data.getUint32(address, true);
  }
  #u32s(address: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.#u32(address + 4 * i));
  }
  #f64(address: number): number {
    return this.#data.getFloat64(address, true);
  }
  #setU32(address: number, value: number): void {
    this.#data.setUint32(address, value, true);
  }
  #text(address: number): string {
    const start = this.#u32(address);
    // A decoder refuses shared memory, so it gets a copy.
    return new TextDecoder().decode(this.bytes.slice(start, start + this.#u32(address + 4)));
  }
}
