// Requests to a model's worker, one at a time.
import { LinnetError } from './errors.js';
import type { Replies, Request, WorkerMessage } from './protocol.js';
import type { Progress } from './types.js';

type Waiting = { resolve: (value: never) => void; reject: (error: LinnetError) => void };

export class Channel {
  onProgress: ((progress: Progress) => void) | undefined;
  #waiting: Waiting | null = null;
  #ended: LinnetError | null = null;

  constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === 'progress') return this.onProgress?.(data.progress);
      const waiting = this.#waiting;
      this.#waiting = null;
      if (data.type === 'reply') return waiting?.resolve(data.value as never);
      const error = new LinnetError(data.code, data.detail);
      waiting?.reject(error);
      if (data.code === 'EngineFailed') this.end(error);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(new LinnetError('EngineFailed', `the worker stopped (${event.message || 'its script could not be loaded'})`));
    };
  }

  get ended(): LinnetError | null {
    return this.#ended;
  }

  /** The caller waits for one answer before it asks again. */
  ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer: Transferable[] = []): Promise<Replies[T]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<Replies[T]>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.worker.postMessage(request, transfer);
    });
  }

  /** Stops the worker and its threads, which frees all their memory. What waits and what comes later gets `error`. */
  end(error: LinnetError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.worker.terminate();
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
