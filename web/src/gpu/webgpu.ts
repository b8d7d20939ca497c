/// <reference types="@webgpu/types" />
// Replays a plan on WebGPU: what it needs is created once; a run encodes the words, and reads back the outputs alone.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';
import type { WorkerImage } from '../types.js';
import type { CpuPart, GpuPlan, GpuPort, GpuTarget } from './compiler.js';
import type { Frames } from './frames.js';
import { type CpuRunner, emulated, type GpuHost, type KeptOutput, type Pack, type Replay, type TakenImage } from './host.js';

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
  return {
    adapter,
    target,
    replay: (plan, cpu, pack) => WebGpuReplay.create(device, plan, cpu, pack),
    watch: (onLost) => {
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

/**
 * Puts what is thrown, or reported of what `create` asks for before it waits, into an error that says what was being made.
 * What other models on the device ask for meanwhile is none of it.
 */
async function checked<T>(device: GPUDevice, what: string, create: () => T | Promise<T>): Promise<T> {
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  let thrown: unknown;
  const made = (async () => create())().catch((error: unknown) => void (thrown = error));
  const [invalid, memory] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const result = await made;
  if (memory) throw new LinnetError('OutOfMemory', `${what}: ${memory.message}`);
  if (invalid || thrown !== undefined) {
    const reason = invalid ?? thrown;
    throw new LinnetError('GpuFailed', `${what}: ${reason instanceof Error ? reason.message : (invalid?.message ?? reason)}`);
  }
  return result as T;
}

/** A kept output in a buffer of its own. */
export interface KeptBuffer extends KeptOutput {
  readonly device: GPUDevice;
  readonly buffer: GPUBuffer;
}

export class WebGpuReplay implements Replay {
  readonly waits = false;
  readonly #offsets = new Uint32Array(1);
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
  ) {
    const buffer = (size: number) => device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.#readback = buffer(plan.outputs.reduce((sum, { bytes }) => sum + mapped(bytes), 8));
    this.#operands = plan.cpuParts.length > 0 ? buffer(8 + Math.max(...plan.cpuParts.map((_, part) => this.#operandBytes(part)))) : null;
  }

  /**
   * Makes buffers and pipelines, and fills the weights: `pack` gives the bytes of each piece. Pipelines compile side by
   * side, while the weights are packed.
   */
  static async create(
    device: GPUDevice,
    plan: GpuPlan,
    cpu: CpuRunner,
    pack: Pack,
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
        made = new WebGpuReplay(device, plan, cpu, group, arena, weights, params);
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

  /** One inference: puts the inputs' bytes in, and the image that was taken, and the outputs' into `outputs`. */
  async run(inputs: readonly (Uint8Array<ArrayBuffer> | null)[], outputs: readonly Uint8Array[] | null, taken?: TakenImage | null): Promise<void> {
    const { device, plan } = this;
    plan.inputs.forEach(({ place }, i) => inputs[i] && this.#upload(place, inputs[i]));
    let encoder = device.createCommandEncoder();
    let pass = taken ? (taken as Frames).begin(encoder) : null;
    let shader = -1;
    const code = plan.words;
    for (let at = 0; at < code.length; at += 1 + (code[at]! >>> 16)) {
      switch (code[at]! & 0xffff) {
        case Abi.kGpuDispatch:
          if (!pass) {
            pass = encoder.beginComputePass();
            shader = -1;
          }
          if (shader !== code[at + 1]) pass.setPipeline(this.#pipelines[(shader = code[at + 1]!)]!);
          this.#dispatch(pass, at);
          break;
        case Abi.kGpuCpuStep:
          pass?.end();
          pass = null;
          await this.#runOnCpu(code[at + 1]!, encoder);
          encoder = device.createCommandEncoder();
          break;
      }
    }
    pass?.end();
    if (!outputs) return device.queue.submit([encoder.finish()]);
    let at = 0;
    for (const port of plan.outputs) {
      encoder.copyBufferToBuffer(this.#bufferOf(port), port.place, this.#readback, at, words(port.bytes));
      at += mapped(port.bytes);
    }
    device.queue.submit([encoder.finish()]);
    await this.#map(this.#readback);
    at = 0;
    plan.outputs.forEach(({ bytes }, i) => {
      outputs[i]!.set(new Uint8Array(this.#readback.getMappedRange(at, words(bytes)), 0, bytes));
      at += mapped(bytes);
    });
    this.#readback.unmap();
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

  keep(output: number): KeptBuffer {
    const { device, plan } = this;
    const port = plan.outputs[output]!;
    const size = words(port.bytes);
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    this.#copy(this.#bufferOf(port), port.place, buffer, 0, size);
    return {
      device,
      buffer,
      read: async () => {
        this.#copy(buffer, 0, this.#readback, 0, size);
        await this.#map(this.#readback);
        const bytes = new Uint8Array(this.#readback.getMappedRange(0, size).slice(0, port.bytes));
        this.#readback.unmap();
        return bytes;
      },
      destroy: () => buffer.destroy(),
    };
  }

  feed(kept: KeptOutput, input: number): void {
    const { place, bytes } = this.plan.inputs[input]!;
    this.#copy((kept as KeptBuffer).buffer, 0, this.arena, place, words(bytes));
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
    let encoder = device.createCommandEncoder();
    const code = plan.words;
    for (let at = 0, step = 0; at < code.length; at += 1 + (code[at]! >>> 16), ++step) {
      if ((code[at]! & 0xffff) === Abi.kGpuCpuStep) {
        onCpu.set(step, await this.#runOnCpu(code[at + 1]!, encoder));
        encoder = device.createCommandEncoder();
        continue;
      }
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: queries, beginningOfPassWriteIndex: 2 * step, endOfPassWriteIndex: 2 * step + 1 },
      });
      pass.setPipeline(this.#pipelines[code[at + 1]!]!);
      this.#dispatch(pass, at);
      pass.end();
    }
    encoder.resolveQuerySet(queries, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readback, 0, 8 * count);
    device.queue.submit([encoder.finish()]);
    await this.#map(readback);
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

  #copy(from: GPUBuffer, at: number, to: GPUBuffer, into: number, size: number): void {
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, at, to, into, size);
    this.device.queue.submit([encoder.finish()]);
  }

  #bufferOf({ inWeights }: GpuPort): GPUBuffer {
    return inWeights ? this.weights : this.arena;
  }

  #upload(place: number, bytes: Uint8Array<ArrayBuffer>): void {
    const whole = bytes.length - (bytes.length % 4);
    if (whole > 0) this.device.queue.writeBuffer(this.arena, place, bytes, 0, whole);
    if (whole === bytes.length) return;
    this.#tail.set(bytes.subarray(whole));
    this.device.queue.writeBuffer(this.arena, place + whole, this.#tail);
  }

  #operandBytes(part: number): number {
    const { inputs } = this.plan.cpuParts[part]!;
    return inputs.reduce((sum, _, i) => sum + mapped(this.cpu.input(part, i).length), 0);
  }

  // Gives the milliseconds that the nodes took.
  async #runOnCpu(number: number, encoder: GPUCommandEncoder): Promise<number> {
    const part: CpuPart = this.plan.cpuParts[number]!;
    const operands = this.#operands!;
    let at = 0;
    part.inputs.forEach((place, i) => {
      const { length } = this.cpu.input(number, i);
      const from = place >= Abi.kGpuInWeights ? this.weights : this.arena;
      encoder.copyBufferToBuffer(from, place % Abi.kGpuInWeights, operands, at, words(length));
      at += mapped(length);
    });
    this.device.queue.submit([encoder.finish()]);
    await this.#map(operands);
    at = 0;
    part.inputs.forEach((_, i) => {
      const to = this.cpu.input(number, i);
      to.set(new Uint8Array(operands.getMappedRange(at, words(to.length)), 0, to.length));
      at += mapped(to.length);
    });
    operands.unmap();
    const start = performance.now();
    this.cpu.run(number);
    const taken = performance.now() - start;
    part.outputs.forEach((place, i) => this.#upload(place, this.cpu.output(number, i) as Uint8Array<ArrayBuffer>));
    return taken;
  }

  async #map(buffer: GPUBuffer): Promise<void> {
    await buffer.mapAsync(GPUMapMode.READ).catch((error: unknown) => {
      throw new LinnetError('DeviceLost', `it gave no result (${error instanceof Error ? error.message : error})`);
    });
  }
}
