// Requests to a model's worker, one at a time.
import { LinnetError } from './errors.js';
import type { Replies, Request, WorkerMessage } from './protocol.js';
import type { Backend, BackendChoice, Progress } from './types.js';

type Waiting = { resolve: (value: never) => void; reject: (error: LinnetError) => void };

/** What answers a model's requests. */
export interface Runner {
  /** What answers now. */
  readonly backend: Backend;
  /** Why that; null where the caller chose. */
  readonly choice: BackendChoice | null;
  /** Why nothing is answered any more. */
  readonly ended: LinnetError | null;
  /** The caller waits for one answer before it asks again. */
  ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer?: Transferable[]): Promise<Replies[T]>;
  /** Stops the workers, which frees all their memory. What waits and what comes later gets `error`. */
  end(error: LinnetError): void;
}

/** What a channel uses of a worker. */
export interface WorkerPort {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(request: Request, transfer: Transferable[]): void;
  terminate(): void;
}

export class Channel implements Runner {
  readonly choice = null;
  /** Told when the worker is of no more use, or says that its GPU is not. */
  onLost: ((error: LinnetError) => void) | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
  #waiting: Waiting | null = null;
  #ended: LinnetError | null = null;

  constructor(
    private readonly worker: WorkerPort,
    readonly backend: Backend,
  ) {
    worker.onmessage = ({ data }) => {
      if (data.type === 'progress') return this.onProgress?.(data.progress);
      if (data.type === 'lost') return this.#lose(new LinnetError(data.code, data.detail));
      const waiting = this.#waiting;
      this.#waiting = null;
      if (data.type === 'reply') return waiting?.resolve(data.value as never);
      const error = new LinnetError(data.code, data.detail);
      waiting?.reject(error);
      if (data.code === 'EngineFailed') this.#fail(error);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new LinnetError('EngineFailed', `the worker stopped (${event.message || 'its script could not be loaded'})`));
    };
  }

  get ended(): LinnetError | null {
    return this.#ended;
  }

  ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer: Transferable[] = []): Promise<Replies[T]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<Replies[T]>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.worker.postMessage(request, transfer);
    });
  }

  // Somebody may know what to do about a lost GPU; else that is the end.
  #lose(error: LinnetError): void {
    if (this.onLost) this.onLost(error);
    else this.end(error);
  }

  #fail(error: LinnetError): void {
    if (this.#ended) return;
    this.end(error);
    this.onLost?.(error);
  }

  end(error: LinnetError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.worker.terminate();
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
