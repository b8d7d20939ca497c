// An engine in the calling thread, behind what a channel uses of a worker. A script of its own, see index.ts.
import type { ModelPort } from '../channel.js';
import type { Request, WorkerMessage } from '../protocol.js';
import { ModelHost, Place } from './model_host.js';

export class LocalWorker implements ModelPort {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null = null;
  onerror = null; // what fails is in an answer
  readonly #host;

  constructor(private readonly place = new Place(true)) {
    this.#host = new ModelHost((message) => this.onmessage?.(new MessageEvent('message', { data: message })), place);
  }

  postMessage(request: Request): void {
    void this.#host.receive(request);
  }

  terminate(): void {
    this.onmessage = null;
    this.#host.stop();
  }

  beside(): LocalWorker {
    return new LocalWorker(this.place);
  }
}
