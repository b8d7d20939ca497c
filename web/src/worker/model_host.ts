// A model's engine and what it answers, in whatever thread this runs.
import { calledOff, LinnetError, toLinnetError } from '../errors.js';
import type { GpuModel, HostScript, Loading, OpenGpu, SharedGpu } from '../gpu/backend.js';
import type { KeptOutput, TakenImage } from '../gpu/host.js';
import type { ImageRequest, LoadReply, LoadRequest, Replies, Request, RunReply, RunRequest, WorkerMessage } from '../protocol.js';
import type { HeapFigures, NodeTime, TensorInfo, Timing } from '../types.js';
import { Engine, type Port, type SessionDescription } from './engine.js';
import { PixelReader } from './pixels.js';
import { readModel } from './read_model.js';

type GpuScript = typeof import('../gpu/backend.js');
type Send = (message: WorkerMessage, transfer: Transferable[]) => void;

async function compileModule(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new LinnetError('Network', `${url} could not be reached (${error instanceof Error ? error.message : error})`);
  });
  if (!response.ok) throw new LinnetError('Network', `${url} answered ${response.status}`);
  // Compiling while it streams asks for the right content type, which not every server sends.
  if (response.headers.get('content-type')?.startsWith('application/wasm'))
    return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

// Starts a thread and waits until it is about to join the engine's team.
function startHelper(engine: Engine, index: number, worker: Worker, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = () => reject(new LinnetError('EngineFailed', `${url} could not be started as a worker`));
    worker.postMessage(engine.helperStart(index));
  });
}

// Fetches what a GPU needs, all at once, and opens it, while the model is on the way.
async function openGpuOf({ assets, backend }: LoadRequest, place: Place, loading: Loading): Promise<OpenGpu & Pick<GpuScript, 'openOnGpu'>> {
  const asset = (name: string) => new URL(name, assets).href;
  const host = import(asset(`gpu-${backend}.js`)) as Promise<HostScript>;
  const module = compileModule(asset('linnet-gpu.wasm'));
  // Told when they are waited for.
  for (const each of [host, module]) each.catch(() => {});
  const { openGpu, openOnGpu } = (await import(asset('gpu.js'))) as GpuScript;
  return { ...(await openGpu(place, host, module, loading)), openOnGpu };
}

/** What the models of a thread share: its GPU, and the tensors that any of them has kept, by number. */
export class Place {
  gpu: SharedGpu | null = null;
  readonly tensors = new Map<number, KeptOutput>();
  lastTensor = 0;

  constructor(
    /** Whether the thread is that of the models' user. */
    readonly isCaller: boolean,
  ) {}
}

const unprepared = { prepare: 0, preparedOn: null } as const;
// Of an input that is on the GPU already, if no tensor.
const taken = 0;
const onlyTaken = [taken] as const;

/** A loaded model: from `load` to `close`. */
class Loaded {
  readonly #pixels = new PixelReader();
  // Of a model with several inputs, all as they were given: a run may write over them, and an image fills one alone.
  readonly #kept: Uint8Array<ArrayBuffer> | null;
  // The latest of them came as a kept tensor, whose elements are not here.
  #isFed = false;
  #prepared = { key: '', address: 0 };
  // The numbers of the tensors that this model keeps.
  readonly #tensors = new Set<number>();

  private constructor(
    private readonly engine: Engine,
    private readonly session: number,
    readonly description: SessionDescription,
    readonly metadata: string,
    readonly digest: string,
    private readonly gpu: GpuModel | null,
    private readonly place: Place,
    private readonly assets: string,
  ) {
    const { inputs } = description;
    this.#kept = inputs.length > 1 ? new Uint8Array(inputs.reduce((sum, { bytes }) => sum + bytes, 0)) : null;
  }

  // The helpers' workers go into `helpers` as they start; `send` gets news of loading and of a GPU's failure.
  static async load(request: LoadRequest, place: Place, loading: Loading, helpers: Worker[], send: Send): Promise<Loaded> {
    const opening = request.backend === 'wasm' ? null : openGpuOf(request, place, loading);
    // Told when it is waited for.
    opening?.catch(() => {});
    try {
      return await Loaded.#load(request, place, loading, opening, helpers, send);
    } catch (error) {
      void opening?.then(({ host }) => host.close(), () => {});
      throw error;
    }
  }

  static async #load(
    request: LoadRequest,
    place: Place,
    loading: Loading,
    opening: ReturnType<typeof openGpuOf> | null,
    helpers: Worker[],
    send: Send,
  ): Promise<Loaded> {
    const { assets } = request;
    // Beside a GPU the engine has little to compute.
    const threads = opening ? 1 : request.threads;
    const variant = opening ? request.variant.replace('-threads', '') : request.variant;
    const starting = compileModule(new URL(`linnet-${variant}.wasm`, assets).href).then((module) =>
      Engine.create(module, variant.endsWith('-threads')),
    );
    const reading = readModel(starting, request.source, !!opening, loading, (progress) => send({ type: 'progress', progress }, []));
    // Told when it is waited for.
    reading.catch(() => {});
    const engine = await starting;
    const helper = new URL('helper_worker.js', assets).href;
    for (let i = 1; i < threads; ++i) helpers.push(new Worker(helper, { type: 'module', name: `linnet thread ${i}` }));
    const [{ handle, description, digest }] = await Promise.all([
      reading,
      ...helpers.map((worker, i) => startHelper(engine, i + 1, worker, helper)),
    ]);
    if (!loading.isWanted) throw calledOff();
    if (opening) {
      const { openOnGpu, ...opened } = await opening;
      // Tells the page that nothing more is to be had from here.
      const fail = ({ code, detail }: LinnetError) => send({ type: 'lost', code, detail }, []);
      const gpu = await openOnGpu(engine, handle, request, opened, fail);
      engine.close(handle);
      return new Loaded(engine, gpu.session, gpu.description, description.metadata, digest, gpu, place, assets);
    }
    const session = engine.compile(handle, threads, request.batch, request.inputShapes, request.measuredThreads);
    engine.close(handle);
    return new Loaded(engine, session.handle, session.description, description.metadata, digest, null, place, assets);
  }

  reply(): LoadReply {
    const { inputs, outputs, threads, macs, steps, arena, lowerBound, scratch, weights, resident } = this.description;
    const info = ({ name, dtype, shape }: Port): TensorInfo => ({ name, dtype, shape });
    return {
      inputs: inputs.map(info),
      outputs: outputs.map(info),
      metadata: this.metadata,
      digest: this.digest,
      precision: this.gpu?.precision ?? 'f32',
      threads,
      macs,
      steps,
      memory: { arena, lowerBound, scratch, weights, resident, total: this.engine.bytes.length },
    };
  }

  async run({ input, outputs, aside, fed, keep }: RunRequest): Promise<RunReply> {
    this.engine.wake(this.session);
    this.#setInputs(input);
    if (!aside) this.#keepInputs(input, fed);
    await this.#feed(fed);
    return this.#infer(input, keep ? null : outputs, unprepared, fed);
  }

  async read(number: number): Promise<Replies['read']> {
    return { bytes: (await this.#tensor(number).read()).buffer };
  }

  async draw({ tensor, info, options }: Extract<Request, { type: 'draw' }>): Promise<Replies['draw']> {
    const kept = this.#tensor(tensor);
    const script = import(new URL('draw.js', this.assets).href) as Promise<typeof import('./draw.js')>;
    const { draw } = await script.catch((error: unknown) => Promise.reject(toLinnetError(error, 'Network')));
    return { picture: await draw(kept, info, options, this.place.isCaller) };
  }

  drop(number: number): HeapFigures {
    this.#tensor(number);
    this.#drop(number);
    return this.heap();
  }

  profile(input: ArrayBuffer, runs: number): NodeTime[] | Promise<NodeTime[]> {
    this.#setInputs(input);
    if (this.gpu) return this.gpu.profile(runs);
    return this.engine.profile(this.session, runs);
  }

  async runImage({ image, plan, input, inputs, outputs, fed, keep }: ImageRequest): Promise<RunReply> {
    try {
      if (inputs) this.#keepInputs(inputs, fed);
      else if (this.#isFed)
        throw new LinnetError('InvalidArgument', 'the last run took kept tensors: give the other inputs too');
      if (this.#kept) this.#setInputs(this.#kept.buffer);
      await this.#feed(fed);
      const start = performance.now();
      // What a GPU has prepared alone cannot be kept for an image that fills another input.
      const onGpu = !this.#kept || this.#isFed ? await this.gpu?.take?.(image, plan, input) : null;
      if (onGpu) {
        const prepared = { prepare: performance.now() - start, preparedOn: 'gpu' } as const;
        return await this.#infer(inputs ?? null, keep ? null : outputs, prepared, fed ? fed.map((each, i) => (i === input ? taken : each)) : onlyTaken, onGpu);
      }
      await this.#pixels.read(image, (layout) => {
        const key = JSON.stringify([input, layout, plan]);
        if (key !== this.#prepared.key) {
          this.#prepared.key = '';
          this.#prepared = { key, address: this.engine.prepareImage(this.session, input, plan, layout) };
        }
        return this.engine.bytes.subarray(this.#prepared.address);
      });
      this.engine.wake(this.session);
      this.engine.loadImage(this.session, input);
      this.#keepImage(input);
      return await this.#infer(inputs ?? null, keep ? null : outputs, { prepare: performance.now() - start, preparedOn: 'cpu' }, fed);
    } finally {
      if ('close' in image) image.close();
    }
  }

  heap(): HeapFigures {
    return { ...this.engine.heap(), keptTensors: this.#tensors.size };
  }

  close(): HeapFigures {
    this.destroy();
    this.engine.close(this.session);
    return this.heap();
  }

  destroy(): void {
    this.#tensors.forEach((number) => this.#drop(number));
    this.gpu?.destroy();
  }

  #drop(number: number): void {
    this.place.tensors.get(number)?.destroy();
    this.place.tensors.delete(number);
    this.#tensors.delete(number);
  }

  #tensor(number: number): KeptOutput {
    const tensor = this.place.tensors.get(number);
    if (!tensor) throw new LinnetError('Disposed', 'the tensor has been disposed of');
    return tensor;
  }

  // Keeps the outputs of the last run: what is `onGpu`, or copies in memory.
  #keepOutputs(onGpu: readonly KeptOutput[] | undefined): number[] {
    return this.description.outputs.map(({ address, bytes }, i) => {
      const copied = (): KeptOutput => {
        const copy = this.engine.bytes.slice(address, address + bytes) as Uint8Array<ArrayBuffer>;
        return { read: () => Promise.resolve(copy.slice()), destroy: () => {} };
      };
      const number = ++this.place.lastTensor;
      this.place.tensors.set(number, onGpu ? onGpu[i]! : copied());
      this.#tensors.add(number);
      return number;
    });
  }

  #keepInputs(input: ArrayBuffer, fed: RunRequest['fed']): void {
    this.#kept?.set(new Uint8Array(input));
    this.#isFed = this.#kept !== null && !!fed;
  }

  async #feed(fed: RunRequest['fed']): Promise<void> {
    for (const [i, number] of (fed ?? []).entries()) {
      if (number === null) continue;
      const tensor = this.#tensor(number);
      if (!this.gpu) this.engine.bytes.set(await tensor.read(), this.description.inputs[i]!.address);
    }
  }

  #keepImage(index: number): void {
    const { address, bytes } = this.description.inputs[index]!;
    const at = this.description.inputs.slice(0, index).reduce((sum, port) => sum + port.bytes, 0);
    this.#kept?.set(this.engine.bytes.subarray(address, address + bytes), at);
  }

  #setInputs(input: ArrayBuffer): void {
    let at = 0;
    for (const port of this.description.inputs) {
      this.engine.bytes.set(new Uint8Array(input, at, port.bytes), port.address);
      at += port.bytes;
    }
  }

  // Keeps the outputs where `outputs` is null. Inputs that are `fed` are on the GPU already, or filled there from an image.
  async #infer(
    input: ArrayBuffer | null,
    outputs: readonly ArrayBuffer[] | null,
    prepared: Omit<Timing, 'run'>,
    fed?: RunRequest['fed'],
    image?: TakenImage,
  ): Promise<RunReply> {
    const start = performance.now();
    const results = this.description.outputs.slice(0, outputs ? Infinity : 0).map(({ bytes }, i) => {
      const given = outputs?.[i];
      return given?.byteLength === bytes ? given : new ArrayBuffer(bytes);
    });
    const source = (number: number | null) => (number === null ? undefined : number === taken ? null : this.#tensor(number));
    const onGpu = await this.gpu?.run(outputs && results.map((buffer) => new Uint8Array(buffer)), fed?.map(source), image);
    if (!this.gpu) this.engine.run(this.session);
    const run = performance.now() - start;
    if (!this.gpu)
      results.forEach((result, i) => {
        const { address, bytes } = this.description.outputs[i]!;
        new Uint8Array(result).set(this.engine.bytes.subarray(address, address + bytes));
      });
    return {
      outputs: results,
      kept: outputs ? [] : this.#keepOutputs(onGpu),
      input,
      timing: { ...prepared, run },
      threads: this.engine.threads(this.session),
      totalBytes: this.engine.bytes.length,
    };
  }
}

/** Answers one request at a time, in order. */
export class ModelHost {
  #loaded: Loaded | null = null;
  readonly #loading: Loading = { isWanted: true };
  readonly #helpers: Worker[] = [];

  constructor(
    private readonly send: Send,
    private readonly place: Place,
  ) {}

  async receive(request: Request): Promise<void> {
    try {
      const value = await this.#answer(request);
      const transfer = 'timing' in value ? [...value.outputs, ...(value.input ? [value.input] : [])] : 'bytes' in value ? [value.bytes] : 'picture' in value ? [value.picture] : [];
      this.send({ type: 'reply', value }, transfer);
    } catch (error) {
      const { code, detail } = toLinnetError(error, 'EngineFailed');
      this.send({ type: 'error', code, detail }, []);
    }
  }

  /** Lets go of everything, whatever is under way. */
  stop(): void {
    this.#loading.isWanted = false;
    for (const helper of this.#helpers) helper.terminate();
    try {
      this.#loaded?.destroy();
    } catch {
      // An engine that has failed lets go of nothing; its memory goes with it.
    }
    this.#loaded = null;
  }

  async #answer(request: Request): Promise<Replies[keyof Replies]> {
    if (request.type === 'load') {
      this.#loaded = await Loaded.load(request, this.place, this.#loading, this.#helpers, this.send);
      if (!this.#loading.isWanted) {
        this.stop();
        throw calledOff();
      }
      return this.#loaded.reply();
    }
    const loaded = this.#loaded;
    if (!loaded) throw new LinnetError('EngineFailed', 'no model is loaded');
    switch (request.type) {
      case 'run':
        return loaded.run(request);
      case 'image':
        return loaded.runImage(request);
      case 'profile':
        return loaded.profile(request.input, request.runs);
      case 'read':
        return loaded.read(request.tensor);
      case 'draw':
        return loaded.draw(request);
      case 'drop':
        return loaded.drop(request.tensor);
      case 'heap':
        return loaded.heap();
      case 'close':
        this.#loaded = null;
        return loaded.close();
    }
  }
}
