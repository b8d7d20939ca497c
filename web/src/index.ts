import { Channel, type Runner } from './channel.js';
import { LinnetError } from './errors.js';
import { abiHash } from './generated/abi.js';
import { goldenOf, ownOf } from './ladder/golden.js';
import { Ladder } from './ladder/ladder.js';
import { Model } from './model.js';
import type { LoadReply, LoadRequest, ModelSource } from './protocol.js';
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
const tried: readonly Backend[] = ['webgpu'];

/**
 * Loads a TensorFlow.js graph or layers model into a worker of its own, compiled for this machine. Rejects with a
 * LinnetError.
 */
export async function loadModel(location: ModelLocation, options: LoadOptions = {}): Promise<Model> {
  const { backend = 'auto', batch = 1, signal } = options;
  if (!['auto', 'wasm', 'webgpu'].includes(backend))
    throw new LinnetError('InvalidArgument', `there is no backend '${backend as string}'; use auto, wasm or webgpu`);
  if (!Number.isInteger(batch) || batch < 1)
    throw new LinnetError('InvalidArgument', `batch is ${batch}; it must be a whole number of at least 1`);
  const { variant, threads } = chooseVariant(detectCapabilities(), toThreads(options.threads), options.variant);
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
    assets,
  };
  if (signal?.aborted) throw new LinnetError('Aborted', 'loading was called off before it began');

  const channel = open(request);
  channel.onProgress = options.onProgress;
  const abort = () => channel.end(new LinnetError('Aborted', 'loading was called off'));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const reply = await channel.ask<'load'>(request);
    const runner = backend === 'auto' ? climb(channel, request, reply, options) : channel;
    return new Model(runner, reply, variant, options.image ?? {});
  } catch (error) {
    channel.end(error as LinnetError);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    channel.onProgress = undefined;
  }
}

function open(request: LoadRequest): Channel {
  return new Channel(startWorker(new URL('engine_worker.js', request.assets)), request.backend);
}

// Puts the ladder in front of the model that WASM has loaded, where there is something to choose.
function climb(first: Channel, request: LoadRequest, reply: LoadReply, options: LoadOptions): Runner {
  const metadata = JSON.parse(reply.metadata) as Record<string, unknown>;
  const golden = goldenOf(metadata, reply.outputs);
  // An image fills one input and leaves the others as they were, which only the rung that ran last would know.
  const others = reply.inputs.length > 1 ? [] : (options.backends ?? tried).filter((backend) => backend !== 'wasm');
  if (others.length === 0 && !options.safeMode) return first;
  return new Ladder(first, reply, {
    assets: request.assets,
    backends: ['wasm', ...others],
    golden,
    quantised: ownOf(metadata)['ranges'] !== undefined,
    safeMode: options.safeMode ?? false,
    remember: options.remember ?? true,
    key: [
      options.appVersion ?? '',
      abiHash.toString(16),
      JSON.stringify([request.variant, reply.threads, request.batch, request.inputShapes]),
    ],
    recovery: options.recovery ?? {},
    onChoice: options.onChoice,
    open: (backend) => {
      const channel = open({ ...request, backend });
      return { channel, reply: channel.ask<'load'>(again(request, backend)) };
    },
  });
}

// The same model once more; its files come from the browser's cache, where that has them.
function again(request: LoadRequest, backend: Backend): LoadRequest {
  const { source } = request;
  if (source.kind !== 'url' || source.request.cache) return { ...request, backend };
  return { ...request, backend, source: { ...source, request: { ...source.request, cache: 'force-cache' } } };
}
