// A request that a GPU rung answers, kept until it has: a rung that is lost takes what it was given with it.
import type { ImageRequest, RunRequest } from '../protocol.js';

export class Kept {
  #request: RunRequest | ImageRequest | null = null;
  // The inputs of a run; one buffer serves all.
  #copy = new Uint8Array(0);

  keep(request: RunRequest | ImageRequest): void {
    this.#request = request;
    if (request.type !== 'run') return;
    if (this.#copy.length !== request.input.byteLength) this.#copy = new Uint8Array(request.input.byteLength);
    this.#copy.set(new Uint8Array(request.input));
  }

  /** The request for a rung that may be lost, and what is handed over with it. */
  forGpu(first: boolean): [RunRequest | ImageRequest, Transferable[]] {
    const request = this.#request!;
    if (request.type === 'run') {
      if (first) return [request, [request.input, ...request.outputs]];
      return this.forWasm();
    }
    const outputs = first ? request.outputs : [];
    const { image } = request;
    // A frame's copy shares its pixels. Bitmaps are copied on the way.
    const sent = typeof VideoFrame === 'function' && image instanceof VideoFrame ? image.clone() : image;
    return [{ ...request, image: sent, outputs }, sent === image ? [...outputs] : [sent as VideoFrame, ...outputs]];
  }

  /** The request once more, for the rung that is always there. */
  forWasm(): [RunRequest | ImageRequest, Transferable[]] {
    const request = this.#request!;
    if (request.type === 'run') {
      const input = this.#copy.slice().buffer;
      return [{ type: 'run', input, outputs: [] }, [input]];
    }
    return [{ ...request, outputs: [] }, request.image instanceof ImageData ? [] : [request.image]];
  }

  release(): void {
    if (this.#request?.type === 'image' && 'close' in this.#request.image) this.#request.image.close();
    this.#request = null;
  }
}
