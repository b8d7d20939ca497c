// An engine in the calling thread, behind what a channel uses of a worker. A script of its own, see index.ts.
import type { WorkerPort } from '../channel.js';
import type { Request, WorkerMessage } from '../protocol.js';
import { ModelHost } from './model_host.js';

export class LocalWorker implements WorkerPort {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null = null;
  onerror = null; // what fails is in an answer
  readonly #host = new ModelHost((message) => this.onmessage?.(new MessageEvent('message', { data: message })));

  postMessage(request: Request): void {
    void this.#host.receive(request);
  }

  terminate(): void {
    this.onmessage = null;
    this.#host.stop();
  }
}
