// A model on a GPU: the engine has read it and rewrites its graph, the module for GPUs compiles that, and the host of its
// API replays the plan. The worker fetches this script, and its API's, only when such a backend is asked for.
import { calledOff, LinnetError } from '../errors.js';
import type { ImagePlan, LoadRequest } from '../protocol.js';
import type { NodeTime, WorkerImage } from '../types.js';
import type { Engine, Port, SessionDescription } from '../worker/engine.js';
import { GpuCompiler, type GpuPlan, noSource } from './compiler.js';
import type { CpuRunner, GpuHost, KeptOutput, Source, TakenImage } from './host.js';
import { profileNodes } from './profile.js';

/** What an input is in place of the session's; undefined where it is that. */
type Fed = KeptOutput | null | undefined;

/** What the worker runs in place of a session of the engine. */
export interface GpuModel {
  /** A session of the engine that holds the inputs. */
  readonly session: number;
  readonly description: SessionDescription;
  readonly precision: 'f32' | 'f16';
  /**
   * One inference on the inputs as that session holds them, but for what models on the same GPU have kept, and null for an
   * image `taken`. Reads outputs back, or keeps them on the GPU where `outputs` is null.
   */
  readonly run: (outputs: readonly Uint8Array[] | null, fed?: readonly Fed[], taken?: TakenImage | null) => Promise<readonly KeptOutput[]>;
  /** Brings an image for a run in which its input counts as fed; null where the engine has to prepare it. */
  readonly take: ((image: WorkerImage, plan: ImagePlan, input: number) => Promise<TakenImage | null>) | undefined;
  /** Where the time of so many runs on those inputs goes. */
  readonly profile: (runs: number) => Promise<NodeTime[]>;
  readonly destroy: () => void;
}

// Nodes that no GPU kernel fits, as sessions of the engine.
class CpuParts implements CpuRunner {
  readonly #sessions;
  readonly #views = new Map<Port, Uint8Array>();

  constructor(
    private readonly engine: Engine,
    graph: number,
    plan: GpuPlan,
  ) {
    this.#sessions = plan.cpuParts.map(({ first, last }) => engine.compileNodes(graph, first, last));
  }

  input(part: number, index: number): Uint8Array {
    return this.#bytes(this.#sessions[part]!.description.inputs[index]!);
  }

  run(part: number): void {
    this.engine.run(this.#sessions[part]!.handle);
  }

  output(part: number, index: number): Uint8Array {
    return this.#bytes(this.#sessions[part]!.description.outputs[index]!);
  }

  close(): void {
    for (const { handle } of this.#sessions) this.engine.close(handle);
  }

  // Made anew when the engine's memory has grown.
  #bytes(port: Port): Uint8Array {
    const { bytes } = this.engine;
    let view = this.#views.get(port);
    if (view?.buffer !== bytes.buffer) this.#views.set(port, (view = bytes.subarray(port.address, port.address + port.bytes)));
    return view;
  }
}

type Watcher = (error: LinnetError) => void;

/** A model's loading; wanted until it is called off, as is what has failed. */
export interface Loading {
  isWanted: boolean;
}

/** One device or context, and what the models on it want to be told. */
export interface SharedGpu {
  readonly opening: Promise<GpuHost>;
  readonly users: Set<Loading>;
  readonly watchers: Set<Watcher>;
  /** What they have been told. */
  trouble: LinnetError | null;
}

/** Of a thread. */
interface GpuPlace {
  gpu: SharedGpu | null;
}

// Opens a GPU when its script has come, unless nobody wants it any more by then.
function begin(place: GpuPlace, script: Promise<HostScript>): SharedGpu {
  const users = new Set<Loading>();
  const opening = script.then(({ openHost }) => {
    for (const { isWanted } of users) if (isWanted) return openHost();
    place.gpu = null;
    throw calledOff();
  });
  const shared: SharedGpu = { opening, users, watchers: new Set(), trouble: null };
  opening.then(
    ({ watch }) =>
      watch((error) => {
        shared.trouble = error;
        shared.watchers.forEach((tell) => tell(error));
      }),
    () => {}, // told to those who wait for it
  );
  return shared;
}

// A GPU that goes with the last of its models. Closing it gives up this model's part.
async function share(place: GpuPlace, script: Promise<HostScript>, loading: Loading): Promise<GpuHost> {
  const shared = (place.gpu ??= begin(place, script));
  shared.users.add(loading);
  let watcher: Watcher | null = null;
  const leave = (host?: GpuHost) => {
    if (!shared.users.delete(loading)) return;
    if (watcher) shared.watchers.delete(watcher);
    if (shared.users.size > 0) return;
    if (place.gpu === shared) place.gpu = null;
    host?.close();
  };
  try {
    const host = await shared.opening;
    const watch = (onLost: Watcher) => {
      shared.watchers.add((watcher = onLost));
      if (shared.trouble) onLost(shared.trouble);
    };
    return { ...host, watch, close: () => leave(host) };
  } catch (error) {
    leave();
    throw error;
  }
}

/** A GPU, and the module that compiles for it. */
export interface OpenGpu {
  readonly host: GpuHost;
  readonly compiler: GpuCompiler;
}

/** The script of an API. */
export interface HostScript {
  readonly openHost: () => Promise<GpuHost>;
}

/**
 * Opens the GPU of an API, or takes the one that is open in its place, while the model is still on its way; rejects where that
 * is called off before it can begin to. `module` is linnet-gpu.wasm.
 */
export async function openGpu(
  place: GpuPlace,
  script: Promise<HostScript>,
  module: Promise<WebAssembly.Module>,
  loading: Loading,
): Promise<OpenGpu> {
  const compiler = module.then((compiled) => GpuCompiler.create(compiled));
  // Told when it is waited for.
  compiler.catch(() => {});
  const host = await share(place, script, loading);
  try {
    return { host, compiler: await compiler };
  } catch (error) {
    host.close();
    throw error;
  }
}

/**
 * Puts a model that the engine has read on the GPU. `onLost` hears of a device that is lost, and of what it reports as
 * errors, after which results cannot be trusted. Where it fails the host is left to the caller.
 */
export async function openOnGpu(
  engine: Engine,
  model: number,
  request: LoadRequest,
  { host, compiler }: OpenGpu,
  onLost: Watcher,
): Promise<GpuModel> {
  const { target } = host;
  // An emulated GPU computes in f32 whatever it stores.
  const { precision } = request;
  const f16 = target.f16 || precision === 'f16' || (precision === 'auto' && target.f16Arithmetic && !target.software);
  // It also takes a hundred times as long as the engine to prepare an image.
  const prepares = request.prepareOn === 'gpu' || (request.prepareOn === 'auto' && !target.software);
  const graph = engine.openGraph(model, request.batch, request.inputShapes);
  try {
    const plan = compiler.compile(graph.words, { ...target, f16 });
    const inputs = engine.compileNodes(graph.handle, 1, 0);
    const parts = new CpuParts(engine, graph.handle, plan);
    const replay = await host.replay(plan, parts, (piece) => {
      const { source } = plan.pieces[piece]!;
      return compiler.pack(piece, source === noSource ? null : graph.constant(source));
    });
    host.watch(onLost);
    // Made anew when the engine's memory has grown.
    let views: Uint8Array<ArrayBuffer>[] = [];
    const inputBytes = () => {
      if (views[0]?.buffer !== engine.bytes.buffer)
        views = inputs.description.inputs.map(({ address, bytes }) => engine.bytes.subarray(address, address + bytes) as Uint8Array<ArrayBuffer>);
      return views;
    };
    return {
      session: inputs.handle,
      precision: f16 ? 'f16' : 'f32',
      description: {
        ...inputs.description,
        outputs: plan.outputs.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes, address: 0 })),
        macs: graph.macs,
        steps: plan.steps,
        arena: plan.arenaBytes,
        lowerBound: plan.lowerBoundBytes,
        scratch: 0,
        weights: plan.weightsBytes,
        resident: plan.arenaBytes + plan.weightsBytes + plan.params.length + plan.words.byteLength,
      },
      run: (outputs, fed, taken) => replay.run(fed ? inputBytes().map((bytes, i): Source => (fed[i] === undefined ? bytes : fed[i]!)) : inputBytes(), outputs, taken),
      take: prepares && replay.take ? (image, how, input) => replay.take!(image, how, input, request.assets) : undefined,
      profile: async (runs) => {
        // Puts the inputs in.
        await replay.run(inputBytes(), plan.outputs.map(({ bytes }) => new Uint8Array(bytes)));
        return profileNodes(plan, graph.nodes, replay, runs);
      },
      destroy: () => {
        replay.destroy();
        host.close();
        parts.close();
      },
    };
  } finally {
    engine.close(graph.handle);
  }
}
