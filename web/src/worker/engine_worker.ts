// The worker that owns one model's engine. It answers one request at a time, in order.
import { LinnetError, toLinnetError } from '../errors.js';
import type { GpuModel } from '../gpu/backend.js';
import type { ImageRequest, LoadReply, LoadRequest, Replies, Request, RunReply, WorkerMessage } from '../protocol.js';
import type { HeapFigures, NodeTime, TensorInfo } from '../types.js';
import { Engine, type Port, type SessionDescription } from './engine.js';
import { PixelReader } from './pixels.js';
import { readModel } from './read_model.js';
import type { WorkerScope } from './scope.js';

const scope = globalThis as unknown as WorkerScope<Request, WorkerMessage>;
const send = (message: WorkerMessage, transfer: Transferable[] = []) => scope.postMessage(message, transfer);

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
function startHelper(engine: Engine, index: number, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { type: 'module', name: `linnet thread ${index}` });
    worker.onmessage = () => resolve();
    worker.onerror = () => reject(new LinnetError('EngineFailed', `${url} could not be started as a worker`));
    worker.postMessage(engine.helperStart(index));
  });
}

/** A loaded model: from `load` to `close`. */
class Loaded {
  readonly #pixels = new PixelReader();
  #prepared = { key: '', address: 0 };

  private constructor(
    private readonly engine: Engine,
    private readonly session: number,
    readonly description: SessionDescription,
    readonly metadata: string,
    readonly digest: string,
    private readonly gpu: GpuModel | null,
  ) {}

  static async load(request: LoadRequest): Promise<Loaded> {
    const { assets, backend } = request;
    // Beside a GPU the engine has little to compute.
    const threads = backend === 'wasm' ? request.threads : 1;
    const variant = backend === 'wasm' ? request.variant : request.variant.replace('-threads', '');
    const engine = await Engine.create(
      await compileModule(new URL(`linnet-${variant}.wasm`, assets).href),
      variant.endsWith('-threads'),
    );
    const helper = new URL('helper_worker.js', assets).href;
    const helpers = Array.from({ length: threads - 1 }, (_, i) => startHelper(engine, i + 1, helper));
    const [{ handle, description, digest }] = await Promise.all([
      readModel(engine, request.source, (progress) => send({ type: 'progress', progress })),
      ...helpers,
    ]);
    if (backend !== 'wasm') {
      const script = new URL('gpu.js', assets).href;
      const { openOnGpu } = (await import(script)) as typeof import('../gpu/backend.js');
      const gpu = await openOnGpu(engine, handle, request, compileModule, fail);
      engine.close(handle);
      return new Loaded(engine, gpu.session, gpu.description, description.metadata, digest, gpu);
    }
    const session = engine.compile(handle, threads, request.batch, request.inputShapes, request.measuredThreads);
    engine.close(handle);
    return new Loaded(engine, session.handle, session.description, description.metadata, digest, null);
  }

  reply(): LoadReply {
    const { inputs, outputs, threads, macs, steps, arena, lowerBound, scratch, weights, resident } = this.description;
    const info = ({ name, dtype, shape }: Port): TensorInfo => ({ name, dtype, shape });
    return {
      inputs: inputs.map(info),
      outputs: outputs.map(info),
      metadata: this.metadata,
      digest: this.digest,
      precision: 'f32',
      threads,
      macs,
      steps,
      memory: { arena, lowerBound, scratch, weights, resident, total: this.engine.bytes.length },
    };
  }

  run(input: ArrayBuffer, outputs: readonly ArrayBuffer[]): Promise<RunReply> {
    this.engine.wake(this.session);
    this.#setInputs(input);
    return this.#infer(input, outputs, 0);
  }

  profile(input: ArrayBuffer, runs: number): NodeTime[] {
    if (this.gpu) throw new LinnetError('UnsupportedHost', 'only models on the wasm backend can be profiled');
    this.#setInputs(input);
    return this.engine.profile(this.session, runs);
  }

  async runImage({ image, plan, input, outputs }: ImageRequest): Promise<RunReply> {
    try {
      const start = performance.now();
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
      return await this.#infer(null, outputs, performance.now() - start);
    } finally {
      if ('close' in image) image.close();
    }
  }

  heap(): HeapFigures {
    return this.engine.heap();
  }

  close(): HeapFigures {
    this.gpu?.destroy();
    this.engine.close(this.session);
    return this.engine.heap();
  }

  #setInputs(input: ArrayBuffer): void {
    let at = 0;
    for (const port of this.description.inputs) {
      this.engine.bytes.set(new Uint8Array(input, at, port.bytes), port.address);
      at += port.bytes;
    }
  }

  async #infer(input: ArrayBuffer | null, outputs: readonly ArrayBuffer[], prepare: number): Promise<RunReply> {
    const start = performance.now();
    const results = this.description.outputs.map(({ bytes }, i) => {
      const given = outputs[i];
      return given?.byteLength === bytes ? given : new ArrayBuffer(bytes);
    });
    if (this.gpu) await this.gpu.run(results.map((buffer) => new Uint8Array(buffer)));
    else this.engine.run(this.session);
    const run = performance.now() - start;
    if (!this.gpu)
      this.description.outputs.forEach(({ address, bytes }, i) =>
        new Uint8Array(results[i]!).set(this.engine.bytes.subarray(address, address + bytes)),
      );
    return {
      outputs: results,
      input,
      timing: { prepare, run },
      threads: this.engine.threads(this.session),
      totalBytes: this.engine.bytes.length,
    };
  }
}

// Tells the page that nothing more is to be had from here.
function fail({ code, detail }: LinnetError): void {
  send({ type: 'lost', code, detail });
}

let loaded: Loaded | null = null;

async function answer(request: Request): Promise<Replies[keyof Replies]> {
  if (request.type === 'load') {
    loaded = await Loaded.load(request);
    return loaded.reply();
  }
  if (!loaded) throw new LinnetError('EngineFailed', 'no model is loaded');
  switch (request.type) {
    case 'run':
      return loaded.run(request.input, request.outputs);
    case 'image':
      return loaded.runImage(request);
    case 'profile':
      return loaded.profile(request.input, request.runs);
    case 'heap':
      return loaded.heap();
    case 'close':
      return loaded.close();
  }
}

scope.onmessage = async ({ data }: MessageEvent<Request>) => {
  try {
    const value = await answer(data);
    const transfer = 'timing' in value ? [...value.outputs, ...(value.input ? [value.input] : [])] : [];
    send({ type: 'reply', value }, transfer);
  } catch (error) {
    const { code, detail } = toLinnetError(error, 'EngineFailed');
    send({ type: 'error', code, detail });
  }
};
