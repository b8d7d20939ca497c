// The pixels of an image, written where the engine wants them.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { WorkerImage } from '../types.js';
import type { ImageLayout } from './image_spec.js';

// A larger image is scaled down by the browser first: its pixels would cost memory that the model cannot use.
const maxSide = 2048;

// The layouts in which the engine takes a frame as it is, and the matrices that it knows. A frame that does not say has
// that of the WebCodecs standard.
const formats: Record<string, number> = { I420: Abi.kImageI420, NV12: Abi.kImageNv12 };
const matrices: Record<string, number> = { bt709: Abi.kMatrixBt709, bt470bg: Abi.kMatrixBt601, smpte170m: Abi.kMatrixBt601 };

const sizeOf = (image: WorkerImage): readonly [number, number] =>
  'displayWidth' in image ? [image.displayWidth, image.displayHeight] : [image.width, image.height];

function rgbaLayout(image: WorkerImage): ImageLayout {
  const [width, height] = sizeOf(image);
  const scale = Math.min(1, maxSide / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  return { width: side(width), height: side(height), format: Abi.kImageRgba, matrix: 0, fullRange: false };
}

// Newer than the types.
interface TurnableFrame extends VideoFrame {
  readonly rotation?: number;
  readonly flip?: boolean;
}

// Whether a frame shows its pixels as they lie: square, upright and from left to right.
export function isPlain(frame: VideoFrame): boolean {
  const { visibleRect: rect, rotation, flip } = frame as TurnableFrame;
  return rect?.width === frame.displayWidth && rect.height === frame.displayHeight && !rotation && !flip;
}

// How the engine can take the image's own planes, or null where the browser has to convert it.
function planarLayout(image: WorkerImage): ImageLayout | null {
  if (!('copyTo' in image) || !isPlain(image)) return null;
  const { x, y, width, height } = image.visibleRect!;
  const format = formats[image.format ?? ''];
  const matrix = matrices[image.colorSpace.matrix ?? 'bt709'];
  // Planes can be copied from whole chroma samples on.
  if (format === undefined || matrix === undefined || x % 2 || y % 2) return null;
  if (1.5 * width * height > 4 * maxSide * maxSide) return null;
  return { width, height, format, matrix, fullRange: image.colorSpace.fullRange ?? false };
}

/** Whether the browser has to scale the image down before the engine takes it. */
export function isScaled(image: WorkerImage): boolean {
  const [width, height] = sizeOf(image);
  return Math.max(width, height) > maxSide && !planarLayout(image);
}

async function copyPlanes(frame: VideoFrame, layout: ImageLayout, target: Uint8Array<ArrayBufferLike>): Promise<boolean> {
  const { width, height, format } = layout;
  const half = (width + 1) >> 1;
  const luma = width * height;
  const planes =
    format === Abi.kImageNv12
      ? [{ offset: luma, stride: 2 * half }]
      : [{ offset: luma, stride: half }, { offset: luma + half * ((height + 1) >> 1), stride: half }];
  try {
    await frame.copyTo(target, { layout: [{ offset: 0, stride: width }, ...planes] });
    return true;
  } catch {
    return false; // a frame in a place that this browser cannot copy from
  }
}

// Has a frame write its own pixels as RGBA; false where it cannot. Browsers without that conversion ignore the format asked
// for, which the size gives away, but for formats that take four bytes too. Those with an X keep it, as Chromium converts as if
// that were alpha.
async function copyRgba(frame: VideoFrame, { width, height }: ImageLayout, target: Uint8Array<ArrayBufferLike>): Promise<boolean> {
  if (!isPlain(frame) || frame.displayWidth !== width || frame.displayHeight !== height) return false;
  if (frame.format === null || frame.format === 'BGRA') return false;
  const format = frame.format.endsWith('X') ? frame.format : 'RGBA';
  const bytes = 4 * width * height;
  try {
    if (frame.allocationSize({ format }) !== bytes) return false;
    await frame.copyTo(target, { format });
  } catch {
    return false;
  }
  for (let i = format === 'BGRX' ? 0 : bytes; i < bytes; i += 4) {
    const blue = target[i]!;
    target[i] = target[i + 2]!;
    target[i + 2] = blue;
  }
  return true;
}

// The same frame with an X of 255, for Chromium draws frames as if their X were alpha.
async function opaqueOf(frame: TurnableFrame): Promise<VideoFrame> {
  const { colorSpace, rotation = 0, flip, timestamp } = frame;
  const { width, height } = frame.visibleRect!;
  const bytes = new Uint8Array(4 * width * height);
  await frame.copyTo(bytes);
  for (let i = 3; i < bytes.length; i += 4) bytes[i] = 255;
  // A frame is given its size before it is turned, and tells the one after.
  const [displayWidth, displayHeight] = rotation % 180 ? [frame.displayHeight, frame.displayWidth] : [frame.displayWidth, frame.displayHeight];
  const format = frame.format!;
  const size = { codedWidth: width, codedHeight: height, displayWidth, displayHeight };
  return new VideoFrame(bytes, { format, timestamp, colorSpace, rotation, flip, ...size } as VideoFrameBufferInit);
}

/** Draws on one canvas that it keeps, where the image cannot write its pixels itself. */
export class PixelReader {
  #context: OffscreenCanvasRenderingContext2D | null = null;

  /** Puts the image's pixels where `roomFor` says that an image of a layout goes. */
  async read(image: WorkerImage, roomFor: (layout: ImageLayout) => Uint8Array<ArrayBufferLike>): Promise<void> {
    const planar = planarLayout(image);
    if (planar && (await copyPlanes(image as VideoFrame, planar, roomFor(planar)))) return;
    const layout = rgbaLayout(image);
    const target = roomFor(layout);
    if (image instanceof ImageData && image.width === layout.width && image.height === layout.height) {
      target.set(image.data);
    } else if (!('copyTo' in image && (await copyRgba(image, layout, target)))) {
      let opaque: VideoFrame | null = null;
      try {
        if ('format' in image && image.format?.endsWith('X')) opaque = await opaqueOf(image).catch(() => null);
        target.set(this.#draw(opaque ?? image, layout));
      } catch (error) {
        const kind = 'format' in image ? `a frame of the format ${image.format}` : 'the image';
        throw new LinnetError('BadImage', `the browser cannot convert ${kind} to RGBA (${error instanceof Error ? error.message : error})`);
      } finally {
        opaque?.close();
      }
    }
  }

  #draw(image: WorkerImage, { width, height }: ImageLayout): Uint8ClampedArray {
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
