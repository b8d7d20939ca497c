// Which GPUs this page can use, found out in a worker: asking for them can take a while.
import type { Adapters } from '../protocol.js';

const none: Adapters = { webgpu: null, webgl2: null };
const patience = 5000;

/** The adapters' names; null where there is none, where asking takes too long, or once `signal` says to stop. */
export function probeAdapters(assets: string, signal: AbortSignal): Promise<Adapters> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('probe_worker.js', assets), { type: 'module', name: 'linnet probe' });
    const end = (adapters: Adapters) => {
      clearTimeout(timer);
      worker.terminate();
      resolve(adapters);
    };
    const timer = setTimeout(() => end(none), patience);
    signal.addEventListener('abort', () => end(none), { once: true });
    worker.onmessage = ({ data }: MessageEvent<Adapters>) => end(data);
    worker.onerror = (event) => {
      event.preventDefault();
      end(none);
    };
  });
}
