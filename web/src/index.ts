import { Channel, WorkerPort } from './channel.js';
import { calledOff, LinnetError } from './errors.js';
import type { climb } from './ladder/climb.js';
import { Model } from './model.js';
import type { LoadRequest, ModelSource } from './protocol.js';
import type { Backend, LoadOptions } from './types.js';
import { chooseVariant, detectCapabilities } from './variants.js';

export { type ErrorCode, LinnetError } from './errors.js';
export type { Model } from './model.js';
export type * from './types.js';
export { type Capabilities, detectCapabilities } from './variants.js';

const maxThreads = 16;

/** What `loadModel` takes: the address of a model.json or of the folder with it, or a model's files. */
export type ModelLocation = string | URL | Iterable<File>;

function toSource(location: ModelLocation, request: LoadOptions['request']): ModelSource {
  if (typeof location !== 'string' && !(location instanceof URL)) {
    const files = [...location].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    return { kind: 'files', files };
  }
  let url: URL;
  try {
    url = new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw new LinnetError('InvalidArgument', `'${location}' is no address`);
  }
  if (!url.pathname.endsWith('.json')) url.pathname = `${url.pathname.replace(/\/$/, '')}/model.json`;
  const { headers, ...rest } = request ?? {};
  // A Headers object cannot go to a worker; its entries can.
  return { kind: 'url', url: url.href, request: headers ? { ...rest, headers: [...new Headers(headers)] } : rest };
}

function toThreads(threads: number | undefined): number {
  if (threads === undefined) return Math.min(4, globalThis.navigator?.hardwareConcurrency || 1);
  if (Number.isInteger(threads) && threads >= 1 && threads <= maxThreads) return threads;
  throw new LinnetError('InvalidArgument', `threads is ${threads}; it must be a whole number from 1 to ${maxThreads}`);
}

function startWorker(url: URL): Worker {
  try {
    return new Worker(url, { type: 'module', name: 'linnet' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LinnetError('UnsupportedHost', `${url.href} must be a worker of the page's own origin (${reason})`);
  }
}

// The backends beside WASM that auto tries where nothing else is said.
const tried: readonly Backend[] = ['webgl2', 'webgpu'];

/**
 * Loads a TensorFlow.js graph or layers model into a worker of its own, compiled for this machine. Rejects with a
 * LinnetError.
 */
export async function loadModel(location: ModelLocation, options: LoadOptions = {}): Promise<Model> {
  const { batch = 1, signal, beside } = options;
  const worker = beside?.isInWorker ?? options.worker ?? true;
  const { backend = beside?.backend ?? (worker ? 'auto' : 'wasm') } = options;
  if (!['auto', 'wasm', ...tried].includes(backend))
    throw new LinnetError('InvalidArgument', `there is no backend '${backend as string}'; use auto, wasm, webgl2 or webgpu`);
  if (!Number.isInteger(batch) || batch < 1)
    throw new LinnetError('InvalidArgument', `batch is ${batch}; it must be a whole number of at least 1`);
  const { prepareOn = 'auto' } = options;
  if (!['auto', 'cpu', 'gpu'].includes(prepareOn))
    throw new LinnetError('InvalidArgument', `prepareOn is '${prepareOn as string}'; use auto, cpu or gpu`);
  if (!worker && backend === 'auto')
    throw new LinnetError('InvalidArgument', 'a choice among backends needs workers; name a backend for the calling thread');
  if (beside && backend !== beside.backend)
    throw new LinnetError('InvalidArgument', `a model beside another has its backend, ${beside.backend}, not ${backend}`);
  // A page's own thread may not wait for others.
  const most = worker || globalThis.document === undefined ? toThreads(options.threads) : 1;
  const { variant, threads } = chooseVariant(detectCapabilities(), most, options.variant);
  // The trailing slash makes it a folder to resolve against.
  const assets = new URL(options.assets ? `${options.assets}`.replace(/\/?$/, '/') : '.', import.meta.url).href;
  const request: LoadRequest = {
    type: 'load',
    backend: backend === 'auto' ? 'wasm' : backend,
    source: toSource(location, options.request),
    variant,
    threads,
    measuredThreads: options.threads === undefined,
    batch,
    inputShapes: options.inputShapes ?? {},
    // Without a self-test only f32 is sure to be right.
    precision: options.precision ?? (backend === 'auto' ? 'auto' : 'f32'),
    prepareOn,
    assets,
  };
  if (signal?.aborted) throw new LinnetError('Aborted', 'loading was called off before it began');

  const channel = beside ? beside.openBeside() : worker ? open(request) : await openHere(request);
  const others = (options.backends ?? tried).filter((other) => other !== 'wasm');
  const chooses = backend === 'auto' && (others.length > 0 || options.safeMode === true);
  const ladder = chooses ? fetchLadder() : null;
  channel.onProgress = options.onProgress;
  const abort = () => channel.end(calledOff());
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const reply = await channel.ask<'load'>(request);
    const climb = await ladder;
    const runner = climb ? climb(channel, request, reply, others, options, open) : channel;
    return new Model(runner, reply, variant, options.image ?? {}, beside);
  } catch (error) {
    channel.end(error as LinnetError);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    channel.onProgress = undefined;
  }
}

/** Has `auto` choose anew for every model that pages of this origin load. */
export async function forgetChoices(): Promise<void> {
  await (await import('./ladder/climb.js')).forget();
}

function open(request: LoadRequest): Channel {
  return new Channel(new WorkerPort(startWorker(new URL('engine_worker.js', request.assets))), request.backend);
}

async function openHere(request: LoadRequest): Promise<Channel> {
  const { LocalWorker } = await import('./worker/local_worker.js');
  return new Channel(new LocalWorker(), request.backend);
}

// A script of its own, which comes over the network only where there is something to choose. The ladder is a help: where
// it does not come, WASM answers.
async function fetchLadder(): Promise<typeof climb | null> {
  try {
    return (await import('./ladder/climb.js')).climb;
  } catch (error) {
    console.warn('linnet: the choice of a backend could not be loaded;', error);
    return null;
  }
}
