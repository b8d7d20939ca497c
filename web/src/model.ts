import type { Channel, Runner } from './channel.js';
import { LinnetError } from './errors.js';
import { imageOptionsOf, planImage } from './image_plan.js';
import type { LoadReply, Replies, RunReply } from './protocol.js';
import { arrayOver, bytesOf, orderInputs } from './tensors.js';
import type {
  Backend,
  BackendChoice,
  HeapFigures,
  ImageInput,
  ImageOptions,
  ImageRunOptions,
  MemoryFigures,
  KeptTensor,
  NamedArrays,
  NamedInputs,
  NodeTime,
  RunOptions,
  TensorInfo,
  Timing,
  TypedArray,
  Variant,
  WorkerImage,
} from './types.js';

async function toWorkerImage(image: ImageInput): Promise<WorkerImage> {
  const frames = typeof VideoFrame === 'function';
  if (image instanceof ImageData) return image;
  if (image instanceof ImageBitmap || (frames && image instanceof VideoFrame)) {
    if (('width' in image ? image.width : image.displayWidth) > 0) return image;
    throw new LinnetError('BadImage', 'the image is closed');
  }
  try {
    // The worker reads a frame as the camera or decoder made it.
    if (frames && 'videoWidth' in image && image.readyState > 1) return new VideoFrame(image);
    return await createImageBitmap(image as Exclude<ImageInput, WorkerImage>);
  } catch (error) {
    throw new LinnetError('BadImage', `the browser cannot decode it (${error instanceof Error ? error.message : error})`);
  }
}

function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): ImageBitmapRenderingContext | CanvasRenderingContext2D {
  try {
    const context = canvas.getContext('bitmaprenderer') ?? canvas.getContext('2d');
    if (context) return context as ImageBitmapRenderingContext | CanvasRenderingContext2D;
  } catch {
    // It is drawn on elsewhere.
  }
  throw new LinnetError('InvalidArgument', 'a canvas to draw on has no context yet, or a 2d or bitmaprenderer one');
}

function show(picture: ImageBitmap, context: ImageBitmapRenderingContext | CanvasRenderingContext2D): void {
  const { canvas } = context;
  if ('drawImage' in context) {
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return picture.close();
  }
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  context.transferFromImageBitmap(picture);
}

/** What the models of a thread share on this side. */
interface Queue {
  tail: Promise<unknown>;
}

// Tensors that are kept: their numbers, and the queue of those models that can take them.
const keptTensors = new WeakMap<object, { readonly number: number; readonly queue: Queue }>();

/** A loaded model. Made by `loadModel`. */
export class Model {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** The model's `userDefinedMetadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Multiply-accumulates of one run. */
  readonly macs: number;

  #threads: number;
  #timing: Timing = { prepare: 0, preparedOn: null, run: 0 };
  #memory: MemoryFigures;
  // Of the models beside each other too: what is asked first is done first.
  readonly #queue: Queue;
  #disposal: Promise<void> | null = null;
  // Goes to the worker with the inputs and comes back with the outputs.
  #inputBuffer: ArrayBuffer | null = null;

  /** @internal */
  constructor(
    private readonly channel: Runner,
    reply: LoadReply,
    /** The build of the engine in use. */
    readonly variant: Variant,
    private readonly imageDefaults: ImageOptions,
    beside?: Model,
  ) {
    this.#queue = beside ? beside.#queue : { tail: Promise.resolve() };
    this.inputs = reply.inputs;
    this.outputs = reply.outputs;
    this.metadata = JSON.parse(reply.metadata) as Record<string, unknown>;
    this.#threads = reply.threads;
    this.macs = reply.macs;
    this.#memory = reply.memory;
  }

  /**
   * One inference. Takes the only input's elements, or all inputs by name; gives the outputs by name. The arrays given
   * stay with the caller and may be changed once this has returned its promise. Calls run one after the other, with those of
   * models beside this one.
   */
  run(inputs: TypedArray | KeptTensor | NamedInputs, options: RunOptions = {}): Promise<NamedArrays> {
    return this.#run(inputs, options, false).then((reply) => this.#named(reply));
  }

  /**
   * The same with outputs that stay where they were computed, on the GPU where that is the backend: nothing is read back.
   * They can be inputs of later runs of this model and of those beside it, and are to be disposed of. Not with the backend
   * auto.
   */
  runKept(inputs: TypedArray | KeptTensor | NamedInputs): Promise<Record<string, KeptTensor>> {
    return this.#run(inputs, {}, true).then((reply) => this.#namedKept(reply));
  }

  /** One inference on an image, which the worker crops, resizes and normalises into the input. */
  runImage(image: ImageInput, options: ImageRunOptions & RunOptions = {}): Promise<NamedArrays> {
    return this.#runImage(image, options, false).then((reply) => this.#named(reply));
  }

  /** The same with outputs that are kept, as runKept does. */
  runImageKept(image: ImageInput, options: ImageRunOptions = {}): Promise<Record<string, KeptTensor>> {
    return this.#runImage(image, options, true).then((reply) => this.#namedKept(reply));
  }

  async #runImage(image: ImageInput, options: ImageRunOptions & RunOptions, keep: boolean): Promise<RunReply> {
    let handedOver: ImageInput | WorkerImage = image;
    try {
      const checked = this.#attempt(() => {
        const input = this.#imageInput(options.input);
        return {
          input,
          plan: planImage(options, this.imageDefaults, imageOptionsOf(this.metadata)),
          outputs: this.#recycle(options.recycle),
          keep,
          ...(options.inputs && this.#packBut(input, options.inputs)),
        };
      });
      if (checked instanceof LinnetError) throw checked;
      // It is made ready while earlier runs go on, and still has its place among all.
      const making = toWorkerImage(image);
      making.catch(() => undefined);
      return await this.#enqueue(async () => {
        const ready = (handedOver = await making);
        const transfer: Transferable[] = [...checked.outputs];
        if (checked.inputs) transfer.push(checked.inputs);
        if (!(ready instanceof ImageData)) transfer.push(ready);
        return this.#finish(await this.channel.ask<'image'>({ type: 'image', image: ready, ...checked }, transfer));
      });
    } catch (error) {
      // What never reached the worker is closed here: a camera waits for its frames.
      if ('close' in handedOver) handedOver.close();
      throw error;
    }
  }

  /**
   * Where the time of a run goes: runs `runs` times (default: 100) on the same inputs, node by node, and gives the nodes
   * in the order in which they run. Where the page is not cross-origin isolated the clock is coarse: take more runs.
   */
  profile(inputs: TypedArray | NamedArrays, runs = 100): Promise<readonly NodeTime[]> {
    const arrays = this.#attempt(() => orderInputs(this.inputs, inputs));
    if (arrays instanceof LinnetError) return Promise.reject(arrays);
    const input = this.#pack(arrays);
    return this.#enqueue(() => this.channel.ask<'profile'>({ type: 'profile', input, runs }, [input]));
  }

  /** What answers runs now. */
  get backend(): Backend {
    return this.channel.backend;
  }

  /** How the backend was chosen; null where `loadModel` was told which, and until the first is known. */
  get choice(): BackendChoice | null {
    return this.channel.choice;
  }

  /** Bytes that the model holds now. */
  memory(): MemoryFigures {
    return this.#memory;
  }

  /**
   * Threads that take part in the next run. Unless `loadModel` was given a number, the first runs try several, and the
   * later ones keep the fastest.
   */
  get threads(): number {
    return this.#threads;
  }

  get timing(): Timing {
    return this.#timing;
  }

  /** The engine's own count of its heap. A run adds no allocation. */
  heap(): Promise<HeapFigures> {
    return this.#enqueue(() => this.channel.ask<'heap'>({ type: 'heap' }));
  }

  /** Frees everything, after the runs that were asked for before. Whatever is asked later is refused. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#enqueue(() => this.channel.ask<'close'>({ type: 'close' }), true)
      .then(
        () => undefined,
        () => undefined, // an engine that failed is gone already
      )
      .finally(() => this.channel.end(new LinnetError('Disposed', 'the model has been disposed of')));
    return this.#disposal;
  }

  /** @internal */
  get isInWorker(): boolean {
    return this.channel.isInWorker;
  }

  /** @internal The way to a model beside this one. */
  openBeside(): Channel {
    const ended = this.#attempt(() => null);
    if (ended) throw ended;
    if (this.channel.beside) return this.channel.beside();
    throw new LinnetError('InvalidArgument', 'a model can only be beside one that was loaded with a certain backend');
  }

  #attempt<T>(check: () => T): T | LinnetError {
    if (this.#disposal) return new LinnetError('Disposed', 'the model has been disposed of');
    if (this.channel.ended) return this.channel.ended;
    try {
      return check();
    } catch (error) {
      return error as LinnetError;
    }
  }

  #enqueue<T>(task: () => Promise<T>, last = false): Promise<T> {
    if (this.#disposal && !last) return Promise.reject(new LinnetError('Disposed', 'the model has been disposed of'));
    const result = this.#queue.tail.then(task);
    this.#queue.tail = result.catch(() => undefined);
    return result;
  }

  // All inputs, one after the other. Runs that queue behind another need a buffer each; a loop that awaits its runs
  // keeps using one.
  #pack(arrays: readonly TypedArray[]): ArrayBuffer {
    const buffer = this.#inputBuffer ?? new ArrayBuffer(this.inputs.reduce((sum, input) => sum + bytesOf(input), 0));
    this.#inputBuffer = null;
    const packed = new Uint8Array(buffer);
    let at = 0;
    for (const array of arrays) {
      packed.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
      at += array.byteLength;
    }
    return buffer;
  }

  #imageInput(name: string | undefined): number {
    if (name === undefined && this.inputs.length === 1) return 0;
    if (name === undefined)
      throw new LinnetError('InvalidArgument', `the model has ${this.inputs.length} inputs; say which one the image is for`);
    const index = this.inputs.findIndex((input) => input.name === name);
    if (index < 0) throw new LinnetError('InvalidArgument', `there is no input '${name}'`);
    return index;
  }

  #recycle(outputs: NamedArrays | undefined): ArrayBuffer[] {
    if (!outputs) return [];
    return this.outputs.map((output) => {
      const buffer = outputs[output.name]?.buffer;
      if (buffer instanceof ArrayBuffer && buffer.byteLength === bytesOf(output)) return buffer;
      throw new LinnetError(
        'InvalidArgument',
        `recycle takes a result of this model that has not been recycled; its '${output.name}' is none`,
      );
    });
  }

  #run(inputs: TypedArray | KeptTensor | NamedInputs, { recycle }: RunOptions, keep: boolean): Promise<RunReply> {
    const checked = this.#attempt(() => ({ outputs: this.#recycle(recycle), ...this.#packBut(-1, inputs) }));
    if (checked instanceof LinnetError) return Promise.reject(checked);
    const { inputs: input, outputs, fed } = checked;
    return this.#enqueue(async () =>
      this.#finish(await this.channel.ask<'run'>({ type: 'run', input, outputs, fed, keep }, [input, ...outputs])),
    );
  }

  // All inputs but one, which something else fills, and the numbers of those that are kept tensors.
  #packBut(left: number, given: TypedArray | KeptTensor | NamedInputs): { inputs: ArrayBuffer; fed: (number | null)[] | null } {
    const isKept = (value: unknown): value is KeptTensor => {
      const kept = keptTensors.get(value as KeptTensor);
      if (!kept || kept.queue === this.#queue) return !!kept;
      throw new LinnetError('InvalidArgument', `'${(value as KeptTensor).name}' is kept in another thread: load this model beside the one that keeps it`);
    };
    const ordered: (TypedArray | KeptTensor | null)[] = orderInputs(this.inputs.filter((_, i) => i !== left), given, isKept);
    if (left >= 0) ordered.splice(left, 0, null);
    const fed = ordered.map((each) => (each && keptTensors.get(each)?.number) ?? null);
    const inputs = this.#pack(ordered.map((each, i) => (ArrayBuffer.isView(each) ? each : new Uint8Array(bytesOf(this.inputs[i]!)))));
    return { inputs, fed: fed.some(Boolean) ? fed : null };
  }

  #keptTensor({ name, dtype, shape }: TensorInfo, tensor: number): KeptTensor {
    const ask = <T extends 'read' | 'drop'>(type: T) => this.#enqueue(() => this.channel.ask<'read' | 'drop'>({ type, tensor }));
    const info = { name, dtype, shape };
    let gone: Promise<void> | null = null;
    const made: KeptTensor = {
      ...info,
      draw: async (canvas, options = {}) => {
        const context = contextOf(canvas);
        const { picture } = await this.#enqueue(() => this.channel.ask<'draw'>({ type: 'draw', tensor, info, options }));
        show(picture, context);
      },
      read: async () => arrayOver(made, ((await ask('read')) as Replies['read']).bytes),
      // What has gone with its model or its GPU is disposed of.
      dispose: () => (gone ??= ask('drop').then(() => {}, () => {})),
    };
    keptTensors.set(made, { number: tensor, queue: this.#queue });
    return made;
  }

  #finish(reply: RunReply): RunReply {
    if (reply.input) this.#inputBuffer = reply.input;
    this.#timing = reply.timing;
    this.#threads = reply.threads;
    if (reply.totalBytes !== this.#memory.total) this.#memory = { ...this.#memory, total: reply.totalBytes };
    return reply;
  }

  #namedKept({ kept }: RunReply): Record<string, KeptTensor> {
    return Object.fromEntries(this.outputs.map((output, i) => [output.name, this.#keptTensor(output, kept[i]!)]));
  }

  #named({ outputs }: RunReply): NamedArrays {
    const named: NamedArrays = {};
    this.outputs.forEach((output, i) => (named[output.name] = arrayOver(output, outputs[i]!)));
    return named;
  }
}
