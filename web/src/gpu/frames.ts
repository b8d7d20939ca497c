/// <reference types="@webgpu/types" />
// Frames and bitmaps as the input of a plan on WebGPU: imported or copied there, then cropped, resized and normalised by a
// shader in the run's own pass. A script of its own, fetched with the first of them.
import { Abi } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';
import type { WorkerImage } from '../types.js';
import { isPlain, maxSide } from '../worker/pixels.js';
import type { GpuPort } from './compiler.js';
import { type FramePlan, planFrames } from './frame_module.js';

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
  if ('format' in image) return isPlain(image) && !image.format?.includes('A') ? 'frame' : null;
  return 'close' in image && Math.max(image.width, image.height) <= maxSide ? 'texture' : null;
}

function isSame(a: ImagePlan, b: ImagePlan): boolean {
  if (a.fit !== b.fit || a.crop !== b.crop || a.normalisation !== b.normalisation) return false;
  for (let c = 0; c < 3; ++c) if (a.scale[c] !== b.scale[c] || a.offset[c] !== b.offset[c]) return false;
  return true;
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
    this.#copyTo = { texture };
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

/** Fails for what the device reports while `create` runs. */
type Checked = (device: GPUDevice, what: string, create: () => Promise<void>) => Promise<void>;

/** Fills an input in the arena from images. */
export class Frames {
  readonly #steps: Partial<Record<Way, Steps>> = {};
  #kind: Kind | null = null;
  // Null where images of that kind cannot be used so.
  #filler: Filler | null = null;
  // The image of the next run.
  #image: GPUBindGroup | null = null;

  private constructor(
    private readonly module: WebAssembly.Module,
    private readonly device: GPUDevice,
    private readonly arena: GPUBuffer,
    private readonly input: GpuPort,
    private readonly checked: Checked,
  ) {}

  static async open(assets: string, ...into: [device: GPUDevice, arena: GPUBuffer, input: GpuPort, checked: Checked]): Promise<Frames> {
    const response = await fetch(new URL('linnet-frames.wasm', assets));
    return new Frames(await WebAssembly.compile(await response.arrayBuffer()), ...into);
  }

  /** Has the image fill the input of the next run; false where the engine has to prepare it. */
  async take(image: WorkerImage, plan: ImagePlan): Promise<boolean> {
    const way = wayOf(image);
    if (!way) return false;
    const width = 'displayWidth' in image ? image.displayWidth : image.width;
    const height = 'displayHeight' in image ? image.displayHeight : image.height;
    const format = 'format' in image ? image.format : null;
    const kind = this.#kind;
    if (kind?.way !== way || kind.width !== width || kind.height !== height || kind.format !== format || !isSame(kind.plan, plan))
      await this.#prepare(image, { way, width, height, format, plan });
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
    this.#filler?.destroy();
    this.#filler = null;
  }

  // Some browsers refuse to import frames, and some import what no shader can read: the first image of a kind is a trial.
  async #prepare(image: WorkerImage, kind: Kind): Promise<void> {
    const { device } = this;
    this.destroy();
    this.#kind = kind;
    let filler: Filler | null = null;
    try {
      await this.checked(device, 'images of a kind', async () => {
        const { way, width, height } = kind;
        const plan = await planFrames(this.module, this.input, kind.plan, width, height, way === 'frame');
        const steps = (this.#steps[way] ??= await this.#compile(plan.shader, way));
        filler = new Filler(device, kind, plan, steps, this.arena);
        filler.bring(image);
      });
      this.#filler = filler;
    } catch {
      (filler as Filler | null)?.destroy();
    }
  }

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
