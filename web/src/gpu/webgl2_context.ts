// What all that is done on a WebGL2 context has in common.
import { LinnetError } from '../errors.js';

export type Gl = WebGL2RenderingContext;

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
export const lostError = () => new LinnetError('DeviceLost', 'the WebGL2 context was lost');

/** What one model has done on a context from one question for errors to the next, and an error that this caused. */
export interface Work {
  error: number;
}

/**
 * Finds out whose the errors of a context are. To ask the context is to wait for the GPU's process, so that is done where a
 * result is used, and where models take turns.
 */
export class Errors {
  // Nobody has asked about it yet.
  #open: Work | null = null;

  constructor(private readonly gl: Gl) {}

  /** To be called before anything is done, and after each wait. Goes on with `work`, or begins anew where others have been at it. */
  resume(work: Work | null): Work {
    if (this.gl.isContextLost()) throw lostError();
    if (work && work === this.#open) return work;
    this.#ask();
    return (this.#open = { error: 0 });
  }

  /** Throws what the context reports of the work. */
  check(work: Work): void {
    const { gl } = this;
    if (work === this.#open) this.#ask();
    if (gl.isContextLost()) throw lostError();
    if (work.error === gl.OUT_OF_MEMORY) throw new LinnetError('OutOfMemory', 'the GPU has no memory left for the model');
    if (work.error) throw new LinnetError('GpuFailed', `WebGL error ${work.error}`);
  }

  #ask(): void {
    const work = this.#open;
    this.#open = null;
    for (let error; work && (error = this.gl.getError()); ) work.error ||= error;
  }
}
