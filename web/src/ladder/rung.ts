// One backend in a worker of its own: requests to it queue up.
import { type Channel } from '../channel.js';
import type { LoadReply, Replies, Request } from '../protocol.js';

export class Rung {
  #tail: Promise<unknown> = Promise.resolve();
  /** Bytes of its WebAssembly memory, as of its last answer. */
  totalBytes: number;

  constructor(
    readonly channel: Channel,
    readonly reply: LoadReply,
  ) {
    this.totalBytes = reply.memory.total;
  }

  ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer: Transferable[] = []): Promise<Replies[T]> {
    const answer = this.#tail.then(() => this.channel.ask<T>(request, transfer));
    this.#tail = answer.catch(() => undefined);
    return answer;
  }
}
