// Requests to a model's worker, one at a time.
import { LinnetError, toLinnetError } from './errors.js';
import type { HostRequest, Replies, Request, WorkerMessage } from './protocol.js';
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
  /** Whether that is in another thread. */
  readonly isInWorker: boolean;
  /** A channel to another model in the same thread; there is none where the backend changes. */
  beside?(): Channel;
  /** The caller waits for one answer before it asks again. */
  ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer?: Transferable[]): Promise<Replies[T]>;
  /** Stops the workers, which frees all their memory. What waits and what comes later gets `error`. */
  end(error: LinnetError): void;
}

/** The way to a model in a thread. */
export interface ModelPort {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(request: Request, transfer: Transferable[]): void;
  /** Stops the model, which frees its memory. */
  terminate(): void;
  /** The way to another model in the same thread. */
  beside(): ModelPort;
}

/** The way to a model in a worker, which ends with the last of its models. */
export class WorkerPort implements ModelPort {
  onmessage: ModelPort['onmessage'] = null;
  onerror: ModelPort['onerror'] = null;

  constructor(
    private readonly worker: Worker,
    private readonly port: Worker | MessagePort = worker,
    private readonly open = new Set<WorkerPort>(),
  ) {
    open.add(this);
    port.onmessage = (event: MessageEvent<WorkerMessage>) => this.onmessage?.(event);
    worker.onerror = (event) => open.forEach((each) => each.onerror?.(event));
  }

  postMessage(request: HostRequest, transfer: Transferable[] = []): void {
    this.port.postMessage(request, transfer);
  }

  terminate(): void {
    this.onmessage = null;
    this.open.delete(this);
    if (this.open.size > 0) this.postMessage({ type: 'stop' });
    else this.worker.terminate();
    if (this.port instanceof MessagePort) this.port.close();
  }

  beside(): WorkerPort {
    const { port1, port2 } = new MessageChannel();
    this.worker.postMessage({ type: 'beside', port: port2 } satisfies HostRequest, [port2]);
    return new WorkerPort(this.worker, port1, this.open);
  }
}

export class Channel implements Runner {
  readonly choice = null;
  readonly isInWorker: boolean;
  /** Told when the worker is of no more use, or says that its GPU is not. */
  onLost: ((error: LinnetError) => void) | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
  #waiting: Waiting | null = null;
  #ended: LinnetError | null = null;

  constructor(
    private readonly port: ModelPort,
    readonly backend: Backend,
  ) {
    this.isInWorker = port instanceof WorkerPort;
    port.onmessage = ({ data }) => {
      if (data.type === 'progress') return this.onProgress?.(data.progress);
      if (data.type === 'lost') return this.#lose(new LinnetError(data.code, data.detail));
      const waiting = this.#waiting;
      this.#waiting = null;
      if (data.type === 'reply') return waiting?.resolve(data.value as never);
      const error = new LinnetError(data.code, data.detail);
      waiting?.reject(error);
      if (data.code === 'EngineFailed') this.#fail(error);
    };
    port.onerror = (event) => {
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
      try {
        this.port.postMessage(request, transfer);
      } catch (error) {
        // Something in the request cannot be sent.
        this.#waiting = null;
        reject(toLinnetError(error, 'InvalidArgument'));
      }
    });
  }

  beside(): Channel {
    return new Channel(this.port.beside(), this.backend);
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
    this.port.terminate();
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
