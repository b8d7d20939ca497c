// Which GPUs this page can use, found out in a worker: asking for them can take a while.
import type { Adapters } from '../protocol.js';

const patience = 5000;

export interface Probed extends Adapters {
  /** Why something is not known. */
  readonly missing: string;
}

/** Asks for the adapters' names, until all are known, asking takes too long, or `signal` says to stop. */
export function probeAdapters(assets: string, signal: AbortSignal): Promise<Probed> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('probe_worker.js', assets), { type: 'module', name: 'linnet probe' });
    let found: Adapters = {};
    const end = (missing: string) => {
      clearTimeout(timer);
      worker.terminate();
      resolve({ ...found, missing });
    };
    const timer = setTimeout(() => end(`no answer within ${patience / 1000} s`), patience);
    signal.addEventListener('abort', () => end(''), { once: true });
    worker.onmessage = ({ data }: MessageEvent<Adapters>) => {
      found = { ...found, ...data };
      if ('webgpu' in found) end('');
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end('the worker that looks for it could not start');
    };
  });
}
