// How results come back: through a buffer to pack, and a fence.
import { type Gl, lostError, sleep } from './webgl2_context.js';
import type { Surface } from './webgl2_textures.js';

const bytesOf = ({ width, height }: Surface) => 16 * width * height;

export class Readback {
  readonly #buffer: WebGLBuffer;
  #size = 0;
  // Elements of a byte come back as words.
  #words = new Int32Array(0);
  // How long the GPU has been busy of late.
  #busy = 0;

  /** `sets` are the textures that are copied together. */
  constructor(
    private readonly gl: Gl,
    private readonly sets: readonly (readonly Surface[])[],
  ) {
    this.#buffer = gl.createBuffer()!;
  }

  /** Has the rows of a texture copied to byte `at` of the buffer; gives the end. */
  copy(surface: Surface, at: number): number {
    const { gl } = this;
    const { frame, width, height, format } = surface;
    const end = at + bytesOf(surface);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.#buffer);
    if (end > this.#size) {
      this.#size = Math.max(end, ...this.sets.map((set) => set.reduce((sum, each) => sum + bytesOf(each), 0)));
      gl.bufferData(gl.PIXEL_PACK_BUFFER, this.#size, gl.STREAM_READ);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.readPixels(0, 0, width, height, format.readFormat, format.readType, at);
    return end;
  }

  /** Takes what `copy` has copied, once it is there. */
  take(surface: Surface, at: number, to: Uint8Array): number {
    const { gl } = this;
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.#buffer);
    if (surface.dtype === 'f32' || surface.dtype === 'i32') {
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, at, to);
    } else {
      if (this.#words.length < to.length) this.#words = new Int32Array(to.length);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, at, this.#words, 0, to.length);
      for (let i = 0; i < to.length; ++i) to[i] = this.#words[i]!;
    }
    return at + bytesOf(surface);
  }

  /** Makes it the buffer to unpack while `use` runs. */
  unpack(use: () => void): void {
    const { gl } = this;
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, this.#buffer);
    use();
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, null);
  }

  /** Resolves when the GPU has done all that it was given. The event loop goes on meanwhile. */
  async finished(): Promise<void> {
    const { gl } = this;
    const started = performance.now();
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    if (!fence) throw lostError();
    gl.flush();
    // Most of the time that the last run took passes in one sleep. What is done by then may have been done long before.
    if (this.#busy > 2) await sleep(0.8 * this.#busy);
    let overslept = this.#busy > 2;
    for (;;) {
      const status = gl.clientWaitSync(fence, 0, 0);
      if (status === gl.WAIT_FAILED || gl.isContextLost()) throw lostError();
      if (status !== gl.TIMEOUT_EXPIRED) break;
      overslept = false;
      await sleep(0);
    }
    gl.deleteSync(fence);
    const elapsed = performance.now() - started;
    this.#busy = overslept ? elapsed / 2 : elapsed;
  }

  destroy(): void {
    this.gl.deleteBuffer(this.#buffer);
  }
}
