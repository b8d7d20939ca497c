// RGBA pixels of an image, written where the engine wants them.
import { LinnetError } from '../errors.js';
import type { WorkerImage } from '../types.js';

// A larger image is scaled down by the browser first: its pixels would cost memory that the model cannot use.
const maxSide = 2048;

export function imageSize(image: WorkerImage): { width: number; height: number } {
  const [width, height] =
    'displayWidth' in image ? [image.displayWidth, image.displayHeight] : [image.width, image.height];
  if (!(width > 0 && height > 0)) throw new LinnetError('BadImage', 'the image has no pixels');
  const scale = Math.min(1, maxSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

// Whether a frame can write its own pixels as RGBA. Browsers without that conversion ignore the format asked for, which
// the size gives away, but for formats that take four bytes too.
function writesRgba(frame: VideoFrame, width: number, height: number): boolean {
  const { visibleRect, format } = frame;
  const plain = visibleRect?.width === width && visibleRect.height === height && !('rotation' in frame && frame.rotation);
  if (!plain || format === null || format.startsWith('BGR')) return false;
  try {
    return frame.allocationSize({ format: 'RGBA' }) === 4 * width * height;
  } catch {
    return false;
  }
}

/** Draws on one canvas that it keeps, where the image cannot write its pixels itself. */
export class PixelReader {
  #context: OffscreenCanvasRenderingContext2D | null = null;

  /** Fills `target` with the image's pixels at the given size. */
  async read(image: WorkerImage, width: number, height: number, target: Uint8Array<ArrayBufferLike>): Promise<void> {
    if (image instanceof ImageData && image.width === width && image.height === height) {
      target.set(image.data);
    } else if ('allocationSize' in image && writesRgba(image, width, height)) {
      await image.copyTo(target, { format: 'RGBA' });
    } else {
      target.set(this.#draw(image, width, height));
    }
  }

  #draw(image: WorkerImage, width: number, height: number): Uint8ClampedArray {
    const context = this.#canvas(width, height);
    if (image instanceof ImageData) {
      const whole = new OffscreenCanvas(image.width, image.height);
      whole.getContext('2d')!.putImageData(image, 0, 0);
      context.drawImage(whole, 0, 0, width, height);
    } else {
      context.drawImage(image, 0, 0, width, height);
    }
    return context.getImageData(0, 0, width, height).data;
  }

  #canvas(width: number, height: number): OffscreenCanvasRenderingContext2D {
    if (this.#context?.canvas.width !== width || this.#context.canvas.height !== height) {
      this.#context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
      this.#context.imageSmoothingQuality = 'high';
    }
    this.#context.clearRect(0, 0, width, height);
    return this.#context;
  }
}
