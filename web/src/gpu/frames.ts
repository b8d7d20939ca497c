/// <reference types="@webgpu/types" />
// Frames and bitmaps as the input of a plan on WebGPU: imported or copied there, then cropped, resized and normalised by a
// shader in the run's own pass. A script of its own, fetched with the first of them.
import { Abi } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';
import type { WorkerImage } from '../types.js';
import { isPlain, isScaled } from '../worker/pixels.js';
import type { GpuPort } from './compiler.js';
import { FrameModule, type FramePlan } from './frame_module.js';

// How an image comes to the GPU.
type Way = 'frame' | 'texture';

/** The shader for images that come in one way. */
interface Steps {
  readonly tables: GPUBindGroupLayout;
  readonly image: GPUBindGroupLayout;
  readonly resize: GPUComputePipeline;
  readonly fill: GPUComputePipeline;
}

/** What images have in common that differ in their pixels alone. */
interface Kind {
  readonly way: Way;
  readonly width: number;
  readonly height: number;
  readonly format: string | null;
  readonly plan: ImagePlan;
}

// The engine prepares what the browser has to turn, to stretch or to scale down first, pixels that are in memory, and frames
// with alpha, whose colours would come multiplied by it.
function wayOf(image: WorkerImage): Way | null {
  if (isScaled(image)) return null;
  if ('format' in image) return isPlain(image) && !image.format?.includes('A') ? 'frame' : null;
  return 'close' in image ? 'texture' : null;
}

function isSamePlan(a: ImagePlan, b: ImagePlan): boolean {
  if (a.fit !== b.fit || a.crop !== b.crop || a.normalisation !== b.normalisation) return false;
  for (let c = 0; c < 3; ++c) if (a.scale[c] !== b.scale[c] || a.offset[c] !== b.offset[c]) return false;
  return true;
}

function isSame(a: Kind, b: Kind): boolean {
  return a.way === b.way && a.width === b.width && a.height === b.height && a.format === b.format && isSamePlan(a.plan, b.plan);
}

const groups = (invocations: number) => Math.ceil(invocations / Abi.kFrameTile);

/** Fills the input from images of one kind. For an image it makes no objects but the API's own. */
class Filler {
  readonly #buffers: readonly GPUBuffer[];
  readonly #group: GPUBindGroup;
  readonly #import: GPUExternalTextureDescriptor = { source: null as never };
  readonly #imported: GPUBindGroupEntry = { binding: 0, resource: null as never };
  readonly #binding: GPUBindGroupDescriptor;
  // Where those go that are copied.
  readonly #copy: GPUImageCopyExternalImage = { source: null as never };
  readonly #copyTo: GPUImageCopyTextureTagged | null = null;
  readonly #copied: GPUBindGroup | null = null;

  constructor(
    private readonly device: GPUDevice,
    private readonly kind: Kind,
    private readonly plan: FramePlan,
    private readonly steps: Steps,
    arena: GPUBuffer,
  ) {
    const { way, width, height } = kind;
    const buffer = (size: number) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    this.#buffers = [buffer(plan.tables.length), buffer(4 * plan.width * plan.lines)];
    device.queue.writeBuffer(this.#buffers[0]!, 0, plan.tables);
    const entries = [arena, ...this.#buffers].map((each, binding) => ({ binding, resource: { buffer: each } }));
    this.#group = device.createBindGroup({ layout: steps.tables, entries });
    this.#binding = { layout: steps.image, entries: [this.#imported] };
    if (way === 'frame') return;
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
    const texture = device.createTexture({ size: [width, height], format: 'rgba8unorm', usage });
    this.#copyTo = { texture, premultipliedAlpha: true };
    this.#imported.resource = texture.createView();
    this.#copied = device.createBindGroup(this.#binding);
  }

  /** Puts an image on the GPU, and gives what binds it. */
  bring(image: WorkerImage): GPUBindGroup {
    if (this.#copyTo) {
      this.#copy.source = image;
      this.device.queue.copyExternalImageToTexture(this.#copy, this.#copyTo, this.kind);
      return this.#copied!;
    }
    this.#import.source = image as VideoFrame;
    this.#imported.resource = this.device.importExternalTexture(this.#import);
    return this.device.createBindGroup(this.#binding);
  }

  /** The steps for an input of [1, rows, columns, channels]. */
  encode(pass: GPUComputePassEncoder, image: GPUBindGroup, { shape }: GpuPort): void {
    pass.setPipeline(this.steps.resize);
    pass.setBindGroup(0, this.#group);
    pass.setBindGroup(1, image);
    pass.dispatchWorkgroups(groups(this.plan.width), groups(this.plan.lines));
    pass.setPipeline(this.steps.fill);
    pass.dispatchWorkgroups(groups(shape[2]!), groups(shape[1]!));
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    if (this.#copyTo) this.#copyTo.texture.destroy();
  }
}

/** Fails for what the device reports of what `create` asks for, which must not wait: nothing is seen of what comes later. */
type Checked = (device: GPUDevice, what: string, create: () => undefined) => Promise<unknown>;

// So many kinds of images can take turns.
const mostKinds = 3;

/** Fills an input in the arena from images. */
export class Frames {
  readonly #steps: Partial<Record<Way, Steps>> = {};
  // The latest first; without a filler where images of that kind cannot be used so.
  readonly #known: { readonly kind: Kind; readonly filler: Filler | null }[] = [];
  // The image of the next run, and what fills the input from it.
  #image: GPUBindGroup | null = null;
  #filler: Filler | null = null;

  private constructor(
    private readonly module: FrameModule,
    private readonly device: GPUDevice,
    private readonly arena: GPUBuffer,
    private readonly input: GpuPort,
    private readonly checked: Checked,
  ) {}

  static async open(assets: string, ...into: [device: GPUDevice, arena: GPUBuffer, input: GpuPort, checked: Checked]): Promise<Frames> {
    return new Frames(await FrameModule.open(new URL('linnet-frames.wasm', assets)), ...into);
  }

  /** Makes the image ready to fill the input of the next run; false where the engine has to prepare it. */
  async take(image: WorkerImage, plan: ImagePlan): Promise<boolean> {
    const way = wayOf(image);
    if (!way) return false;
    const width = 'displayWidth' in image ? image.displayWidth : image.width;
    const height = 'displayHeight' in image ? image.displayHeight : image.height;
    const format = 'format' in image ? image.format : null;
    this.#filler = await this.#fillerOf({ way, width, height, format, plan }, image);
    try {
      this.#image = this.#filler && this.#filler.bring(image);
    } catch {
      this.#image = null;
    }
    return this.#image !== null;
  }

  /** Begins the run's pass by filling the input from the image that was taken. */
  begin(encoder: GPUCommandEncoder): GPUComputePassEncoder {
    const pass = encoder.beginComputePass();
    this.#filler!.encode(pass, this.#image!, this.input);
    this.#image = null;
    return pass;
  }

  destroy(): void {
    for (const { filler } of this.#known.splice(0)) filler?.destroy();
  }

  async #fillerOf(kind: Kind, image: WorkerImage): Promise<Filler | null> {
    const known = this.#known;
    for (let i = 0; i < known.length; ++i) {
      const found = known[i]!;
      if (!isSame(found.kind, kind)) continue;
      known.copyWithin(1, 0, i);
      known[0] = found;
      return found.filler;
    }
    const filler = await this.#try(kind, image);
    known.unshift({ kind, filler });
    if (known.length > mostKinds) known.pop()!.filler?.destroy();
    return filler;
  }

  // Some browsers refuse to import frames, and some import what no shader can read: the first image of a kind is a trial.
  async #try(kind: Kind, image: WorkerImage): Promise<Filler | null> {
    const { device } = this;
    const { way, width, height } = kind;
    let filler: Filler | null = null;
    try {
      const plan = this.module.plan(this.input, kind.plan, width, height, way === 'frame');
      const steps = (this.#steps[way] ??= await this.#stepsOf(way, plan.shader));
      await this.checked(device, 'images of a kind', () => {
        filler = new Filler(device, kind, plan, steps, this.arena);
        filler.bring(image);
      });
      return filler;
    } catch {
      (filler as Filler | null)?.destroy();
      return null;
    }
  }

  async #stepsOf(way: Way, code: string): Promise<Steps> {
    let making: Promise<Steps> | null = null;
    await this.checked(this.device, 'the shader for images', () => {
      making = this.#compile(code, way);
      // Told below.
      making.catch(() => {});
    });
    return making!;
  }

  // Asks for everything before it waits.
  async #compile(code: string, way: Way): Promise<Steps> {
    const { device } = this;
    const layout = (...entries: Omit<GPUBindGroupLayoutEntry, 'binding' | 'visibility'>[]) =>
      device.createBindGroupLayout({
        entries: entries.map((entry, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, ...entry })),
      });
    const tables = layout({ buffer: { type: 'storage' } }, { buffer: { type: 'read-only-storage' } }, { buffer: { type: 'storage' } });
    const image = layout(way === 'frame' ? { externalTexture: {} } : { texture: {} });
    const module = device.createShaderModule({ code });
    const pipeline = (entryPoint: string, ...bindGroupLayouts: GPUBindGroupLayout[]) =>
      device.createComputePipelineAsync({ layout: device.createPipelineLayout({ bindGroupLayouts }), compute: { module, entryPoint } });
    const [resize, fill] = await Promise.all([pipeline('resize', tables, image), pipeline('fill', tables)]);
    return { tables, image, resize, fill };
  }
}
