/// <reference types="@webgpu/types" />
// Replays a plan on WebGPU: what it needs is created once; a run encodes the words, and reads back the outputs alone.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';
import type { WorkerImage } from '../types.js';
import type { CpuPart, GpuPlan, GpuPort, GpuTarget } from './compiler.js';
import type { Frames } from './frames.js';
import { type CpuRunner, emulated, type GpuHost, type KeptOutput, type Pack, type Replay, type Source, type TakenImage } from './host.js';

/** A device, and what plans are to know of its adapter. */
export interface WebGpuDevice {
  readonly device: GPUDevice;
  readonly target: GpuTarget;
  /** Vendor, architecture and description, for people and for remembered choices. */
  readonly adapter: string;
}

// Newer than the types.
interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
}

/** Asks for the fastest adapter with all that its limits allow. Rejects with UnsupportedHost where there is none. */
export async function openWebGpu(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<WebGpuDevice> {
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new LinnetError('UnsupportedHost', 'this browser gives no WebGPU adapter');
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  const requiredLimits = { maxStorageBufferBindingSize, maxBufferSize };
  const wanted = ['timestamp-query', 'shader-f16', 'subgroups'] as GPUFeatureName[];
  const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures }).catch((error: unknown) => {
    throw new LinnetError('UnsupportedHost', `WebGPU gives no device (${error instanceof Error ? error.message : error})`);
  });
  const { info } = adapter as GPUAdapter & { readonly info: AdapterInfo };
  const { vendor, architecture, description, isFallbackAdapter } = info;
  const subgroups = device.features.has('subgroups' as GPUFeatureName);
  const name = `${vendor} ${architecture} ${description}`.trim();
  return {
    device,
    adapter: name,
    target: {
      api: Abi.kGpuApiWebGpu,
      f16: false,
      minSubgroup: (subgroups && info.subgroupMinSize) || 0,
      maxSubgroup: (subgroups && info.subgroupMaxSize) || 0,
      f16Arithmetic: device.features.has('shader-f16'),
      software: isFallbackAdapter === true || emulated.test(name),
      maxBindingBytes: Math.min(maxStorageBufferBindingSize, maxBufferSize),
      maxWorkgroups: device.limits.maxComputeWorkgroupsPerDimension,
      maxTextureSize: 0,
    },
  };
}

/** The same as a host of plans. */
export async function openHost(): Promise<GpuHost> {
  const { device, adapter, target } = await openWebGpu();
  let closed = false;
  let tell = (_: LinnetError) => {};
  return {
    adapter,
    target,
    replay: (plan, cpu, pack) => WebGpuReplay.create(device, plan, cpu, pack, (error) => closed || tell(error)),
    watch: (onLost) => {
      tell = onLost;
      void device.lost.then(({ reason, message }) => {
        if (!closed) onLost(new LinnetError('DeviceLost', `${reason}: ${message}`));
      });
      device.addEventListener('uncapturederror', (event) => {
        const { error } = event as GPUUncapturedErrorEvent;
        onLost(new LinnetError(error instanceof GPUOutOfMemoryError ? 'OutOfMemory' : 'GpuFailed', error.message));
      });
    },
    close: () => {
      closed = true;
      device.destroy();
    },
  };
}

// Copies between buffers take whole words; mapped ranges begin at multiples of 8.
const words = (bytes: number) => Math.ceil(bytes / 4) * 4;
const mapped = (bytes: number) => Math.ceil(bytes / 8) * 8;

// Takes what a mapped buffer holds from byte `at` on.
function takeOut(from: GPUBuffer, at: number, to: Uint8Array): void {
  to.set(new Uint8Array(from.getMappedRange(at, words(to.length)), 0, to.length));
}

function openScopes(device: GPUDevice): void {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
}

// Rejects with what has been reported since `openScopes`.
async function closeScopes(device: GPUDevice, what: string): Promise<void> {
  const scopes = [device.popErrorScope(), device.popErrorScope()] as const;
  const [invalid, memory] = await Promise.all(scopes).catch(gone);
  if (memory) throw new LinnetError('OutOfMemory', `${what}: ${memory.message}`);
  if (invalid) throw new LinnetError('GpuFailed', `${what}: ${invalid.message}`);
}

function gone(error: unknown): never {
  throw new LinnetError('DeviceLost', `it gave no result (${error instanceof Error ? error.message : error})`);
}

/**
 * Puts what is thrown, or reported of what `create` asks for before it waits, into an error that says what was being made.
 * What other models on the device ask for meanwhile is none of it.
 */
async function checked<T>(device: GPUDevice, what: string, create: () => T | Promise<T>): Promise<T> {
  openScopes(device);
  const made = (async () => create())();
  made.catch(() => {}); // told below
  await closeScopes(device, what);
  return made.catch((error: unknown) => {
    throw new LinnetError('GpuFailed', `${what}: ${error instanceof Error ? error.message : error}`);
  });
}

/** A kept output in a buffer of its own. */
export interface KeptBuffer extends KeptOutput {
  readonly device: GPUDevice;
  readonly buffer: GPUBuffer;
  /** Rejects where the run failed that computes it. */
  readonly computed: Promise<void>;
}

export class WebGpuReplay implements Replay {
  readonly waits = false;
  readonly #offsets = new Uint32Array(1);
  readonly #commands: GPUCommandBuffer[] = [];
  #encoder: GPUCommandEncoder | null = null;
  #pipelines: readonly GPUComputePipeline[] = [];
  // By input; null where their script could not be had.
  readonly #frames: (Frames | null)[] = [];
  // Results on their way back: of the model, and of the largest step on the CPU.
  readonly #readback: GPUBuffer;
  readonly #operands: GPUBuffer | null;
  // A last word of an input that is no whole number of them.
  readonly #tail = new Uint8Array(4);

  private constructor(
    private readonly device: GPUDevice,
    private readonly plan: GpuPlan,
    private readonly cpu: CpuRunner,
    private readonly group: GPUBindGroup,
    private readonly arena: GPUBuffer,
    private readonly weights: GPUBuffer,
    private readonly params: GPUBuffer,
    private readonly tell: (error: LinnetError) => void,
  ) {
    const buffer = (size: number) => device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.#readback = buffer(plan.outputs.reduce((sum, { bytes }) => sum + mapped(bytes), 8));
    this.#operands = plan.cpuParts.length > 0 ? buffer(8 + Math.max(...plan.cpuParts.map((_, part) => this.#operandBytes(part)))) : null;
  }

  /**
   * Makes buffers and pipelines, and fills the weights: `pack` gives the bytes of each piece. Pipelines compile side by
   * side, while the weights are packed. `tell` hears of what is reported of runs.
   */
  static async create(
    device: GPUDevice,
    plan: GpuPlan,
    cpu: CpuRunner,
    pack: Pack,
    tell: (error: LinnetError) => void = () => {},
  ): Promise<WebGpuReplay> {
    let made: WebGpuReplay | undefined;
    try {
      const layout = await checked(device, 'the buffers of the model', () => {
        const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
        const buffer = (size: number, usage: number) => device.createBuffer({ size: Math.max(size, 16), usage });
        const arena = buffer(plan.arenaBytes, STORAGE | COPY_SRC | COPY_DST);
        const weights = buffer(plan.weightsBytes, STORAGE | COPY_SRC | COPY_DST);
        // Each dispatch sees as many bytes from its offset on, the last one too.
        const params = buffer(plan.params.length + plan.mostParamBytes, UNIFORM | COPY_DST);
        const visibility = GPUShaderStage.COMPUTE;
        const layout = device.createBindGroupLayout({
          entries: [
            { binding: 0, visibility, buffer: { type: 'storage' } },
            { binding: 1, visibility, buffer: { type: 'read-only-storage' } },
            { binding: 2, visibility, buffer: { type: 'uniform', hasDynamicOffset: true } },
          ],
        });
        const group = device.createBindGroup({
          layout,
          entries: [
            { binding: 0, resource: { buffer: arena } },
            { binding: 1, resource: { buffer: weights } },
            { binding: 2, resource: { buffer: params, size: Math.max(plan.mostParamBytes, 16) } },
          ],
        });
        device.queue.writeBuffer(params, 0, plan.params);
        made = new WebGpuReplay(device, plan, cpu, group, arena, weights, params, tell);
        return device.createPipelineLayout({ bindGroupLayouts: [layout] });
      });
      const replay = made!;
      await checked(device, 'the shaders of the model', async () => {
        const pipelines = plan.shaders.map((code) =>
          device.createComputePipelineAsync({
            layout,
            compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
          }),
        );
        plan.pieces.forEach(({ offset }, piece) => device.queue.writeBuffer(replay.weights, offset, pack(piece)));
        replay.#pipelines = await Promise.all(pipelines);
      });
      return replay;
    } catch (error) {
      made?.destroy();
      throw error;
    }
  }

  async run(inputs: readonly Source[], outputs: readonly Uint8Array[] | null, taken?: TakenImage | null): Promise<readonly KeptBuffer[]> {
    const { plan } = this;
    this.#begin();
    for (let i = 0; i < inputs.length; ++i) {
      const source = inputs[i];
      const { place, bytes } = plan.inputs[i]!;
      if (source instanceof Uint8Array) this.#upload(place, source);
      else if (source) this.#encoder!.copyBufferToBuffer((source as KeptBuffer).buffer, 0, this.arena, place, words(bytes));
    }
    let pass = taken ? (taken as Frames).begin(this.#encoder!) : null;
    let shader = -1;
    const code = plan.words;
    for (let at = 0; at < code.length; at += 1 + (code[at]! >>> 16)) {
      switch (code[at]! & 0xffff) {
        case Abi.kGpuDispatch:
          if (!pass) {
            pass = this.#encoder!.beginComputePass();
            shader = -1;
          }
          if (shader !== code[at + 1]) pass.setPipeline(this.#pipelines[(shader = code[at + 1]!)]!);
          this.#dispatch(pass, at);
          break;
        case Abi.kGpuCpuStep:
          pass?.end();
          pass = null;
          await this.#runOnCpu(code[at + 1]!);
          break;
      }
    }
    pass?.end();
    if (!outputs) return this.#keep();
    const { length } = plan.outputs;
    for (let i = 0, at = 0; i < length; at += mapped(plan.outputs[i++]!.bytes)) this.#copyOut(plan.outputs[i]!, this.#readback, at);
    await this.#end(this.#readback);
    for (let i = 0, at = 0; i < length; at += mapped(plan.outputs[i++]!.bytes)) takeOut(this.#readback, at, outputs[i]!);
    this.#readback.unmap();
    return [];
  }

  async take(image: WorkerImage, plan: ImagePlan, input: number, assets: string): Promise<TakenImage | null> {
    if (this.#frames[input] === undefined) {
      const script = import(new URL('gpu-frames.js', assets).href) as Promise<typeof import('./frames.js')>;
      const { device, arena } = this;
      const port = this.plan.inputs[input]!;
      this.#frames[input] = await script.then(({ Frames }) => Frames.open(assets, device, arena, port, checked)).catch(() => null);
    }
    const frames = this.#frames[input]!;
    return frames && (await frames.take(image, plan)) ? frames : null;
  }

  /**
   * Milliseconds of each step in one run on the inputs as they are; of steps on the CPU without the copies. Dispatches run
   * in passes of their own, so the sum is more than a run takes.
   */
  async profile(): Promise<Float64Array> {
    const { device, plan } = this;
    if (!device.features.has('timestamp-query'))
      throw new LinnetError('UnsupportedHost', 'this GPU gives no timestamps, which a profile needs');
    const count = 2 * plan.steps;
    const queries = device.createQuerySet({ type: 'timestamp', count });
    const resolved = device.createBuffer({ size: 8 * count, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const readback = device.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const onCpu = new Map<number, number>();
    this.#begin();
    const code = plan.words;
    for (let at = 0, step = 0; at < code.length; at += 1 + (code[at]! >>> 16), ++step) {
      if ((code[at]! & 0xffff) === Abi.kGpuCpuStep) {
        onCpu.set(step, await this.#runOnCpu(code[at + 1]!));
        continue;
      }
      const pass = this.#encoder!.beginComputePass({
        timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 2 * step, endOfPassWriteIndex: 2 * step + 1 },
      });
      pass.setPipeline(this.#pipelines[code[at + 1]!]!);
      this.#dispatch(pass, at);
      pass.end();
    }
    this.#encoder!.resolveQuerySet(queries, 0, count, resolved, 0);
    this.#encoder!.copyBufferToBuffer(resolved, 0, readback, 0, 8 * count);
    await this.#end(readback);
    const nanoseconds = new BigUint64Array(readback.getMappedRange());
    const times = Float64Array.from({ length: plan.steps }, (_, step) =>
      onCpu.get(step) ?? Number(nanoseconds[2 * step + 1]! - nanoseconds[2 * step]!) / 1e6,
    );
    for (const each of [queries, resolved, readback]) each.destroy();
    return times;
  }

  destroy(): void {
    for (const frames of this.#frames) frames?.destroy();
    for (const buffer of [this.arena, this.weights, this.params, this.#readback, this.#operands]) buffer?.destroy();
  }

  // The step of the words at `at`, with its pipeline set.
  #dispatch(pass: GPUComputePassEncoder, at: number): void {
    const code = this.plan.words;
    this.#offsets[0] = code[at + 2]!;
    pass.setBindGroup(0, this.group, this.#offsets, 0, 1);
    pass.dispatchWorkgroups(code[at + 3]!, code[at + 4]!, code[at + 5]!);
  }

  // What is reported from here to `#end` is this model's.
  #begin(): void {
    openScopes(this.device);
    this.#encoder = this.device.createCommandEncoder();
  }

  // Submits what has been encoded, and waits until `buffer` can be read. A device tells of errors in events after it has
  // resolved what waits for results: so its scopes are waited for too, and the device's watchers hear of it first.
  async #end(buffer: GPUBuffer | null): Promise<void> {
    this.#commands[0] = this.#encoder!.finish();
    this.device.queue.submit(this.#commands);
    const report = closeScopes(this.device, 'a run');
    await Promise.all([report.catch(this.#fail), buffer?.mapAsync(GPUMapMode.READ).catch(gone)]);
  }

  readonly #fail = (error: LinnetError): never => {
    this.tell(error);
    throw error;
  };

  #copyOut({ inWeights, place, bytes }: GpuPort, to: GPUBuffer, at: number): void {
    this.#encoder!.copyBufferToBuffer(inWeights ? this.weights : this.arena, place, to, at, words(bytes));
  }

  // The outputs of the run that has been encoded, in buffers of their own.
  #keep(): KeptBuffer[] {
    const { device, plan } = this;
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffers = plan.outputs.map((port) => {
      const buffer = device.createBuffer({ size: words(port.bytes), usage: STORAGE | COPY_SRC | COPY_DST });
      this.#copyOut(port, buffer, 0);
      return buffer;
    });
    const computed = this.#end(null);
    computed.catch(() => {}); // told to the device's watchers
    return buffers.map((buffer, i) => ({
      device,
      buffer,
      computed,
      read: async () => {
        const bytes = new Uint8Array(plan.outputs[i]!.bytes);
        this.#begin();
        this.#encoder!.copyBufferToBuffer(buffer, 0, this.#readback, 0, words(bytes.length));
        await this.#end(this.#readback);
        takeOut(this.#readback, 0, bytes);
        this.#readback.unmap();
        return bytes;
      },
      destroy: () => buffer.destroy(),
    }));
  }

  #upload(place: number, bytes: Uint8Array<ArrayBuffer>): void {
    const whole = bytes.length - (bytes.length % 4);
    if (whole > 0) this.device.queue.writeBuffer(this.arena, place, bytes, 0, whole);
    if (whole === bytes.length) return;
    for (let i = 0; i < 4; ++i) this.#tail[i] = bytes[whole + i] ?? 0;
    this.device.queue.writeBuffer(this.arena, place + whole, this.#tail);
  }

  #operandBytes(part: number): number {
    const { inputs } = this.plan.cpuParts[part]!;
    return inputs.reduce((sum, _, i) => sum + mapped(this.cpu.input(part, i).length), 0);
  }

  // Gives the milliseconds that the nodes took.
  async #runOnCpu(number: number): Promise<number> {
    const { inputs, outputs }: CpuPart = this.plan.cpuParts[number]!;
    const { cpu } = this;
    const operands = this.#operands!;
    for (let i = 0, at = 0; i < inputs.length; ++i) {
      const place = inputs[i]!;
      const { length } = cpu.input(number, i);
      const from = place >= Abi.kGpuInWeights ? this.weights : this.arena;
      this.#encoder!.copyBufferToBuffer(from, place % Abi.kGpuInWeights, operands, at, words(length));
      at += mapped(length);
    }
    await this.#end(operands);
    for (let i = 0, at = 0; i < inputs.length; at += mapped(cpu.input(number, i++).length)) takeOut(operands, at, cpu.input(number, i));
    operands.unmap();
    const start = performance.now();
    cpu.run(number);
    const taken = performance.now() - start;
    this.#begin();
    for (let i = 0; i < outputs.length; ++i) this.#upload(outputs[i]!, cpu.output(number, i) as Uint8Array<ArrayBuffer>);
    return taken;
  }
}
