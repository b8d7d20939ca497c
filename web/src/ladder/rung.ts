// One backend in a worker of its own: requests to it queue up.
import type { Channel } from '../channel.js';
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
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
    const answer = this.#tail.then(() => this.#inTime(this.channel.ask<T>(request, transfer)));
    this.#tail = answer.catch(() => undefined);
    return answer;
  }

  // A GPU that hangs is lost. WASM may take as long as it needs: nothing else would be quicker.
  #inTime<T>(answer: Promise<T>): Promise<T> {
    if (this.channel.backend === 'wasm') return answer;
    return new Promise<T>((resolve, reject) => {
      const late = () => reject(new LinnetError('DeviceLost', `no answer within ${Abi.kRunLimit / 1000} s`));
      const timer = setTimeout(late, Abi.kRunLimit);
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
