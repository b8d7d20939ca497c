// From a model that WASM has loaded to one that the ladder runs: a script of its own, see index.ts.
import type { Channel, Runner } from '../channel.js';
import type { LoadReply, LoadRequest } from '../protocol.js';
import type { Backend, LoadOptions } from '../types.js';
import { goldenOf, ownOf } from './golden.js';
import { Ladder } from './ladder.js';
import { noted } from './trials.js';

export { forget } from './choices.js';

// The package's version and a digest of its modules, given by scripts/build_identity.mjs.
declare const linnetBuild: string;

/** Puts the ladder in front of the model that WASM has loaded, where there is something to choose. */
export function climb(
  first: Channel,
  request: LoadRequest,
  reply: LoadReply,
  others: readonly Backend[],
  options: LoadOptions,
  open: (request: LoadRequest) => Channel,
): Runner {
  const metadata = JSON.parse(reply.metadata) as Record<string, unknown>;
  const golden = goldenOf(metadata, reply.outputs);
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
      linnetBuild,
      JSON.stringify([request.variant, reply.threads, request.batch, request.inputShapes, request.precision, request.prepareOn, others]),
    ],
    recovery: options.recovery ?? {},
    onChoice: options.onChoice,
    open: (backend, exact) => {
      const load: LoadRequest = { ...again(request), backend, ...(exact && { precision: 'f32' }) };
      const channel = open(load);
      const ask = () => channel.ask<'load'>(load);
      return { channel, reply: backend === 'wasm' || options.remember === false ? ask() : noted(backend, ask) };
    },
  });
}

// The same model once more; its files come from the browser's cache, where that has them.
function again(request: LoadRequest): LoadRequest {
  const { source } = request;
  if (source.kind !== 'url' || source.request.cache) return request;
  return { ...request, source: { ...source, request: { ...source.request, cache: 'force-cache' } } };
}
