// What WebGL2 calls the elements of textures.
import type { DType } from '../types.js';

export type Elements = Float32Array | Int32Array | Uint8Array | Int8Array;

/** How texels of a type lie on both sides. Results are read back as four words a texel. */
export interface Format {
  readonly internal: readonly number[]; // by lanes
  readonly external: readonly number[];
  readonly type: number;
  readonly readFormat: number;
  readonly readType: number;
  readonly view: new (buffer: ArrayBuffer, offset: number, length: number) => Elements;
}

export function formatOf(gl: WebGL2RenderingContext, dtype: DType, half: boolean): Format {
  const floats = { external: [0, gl.RED, gl.RG, gl.RGB, gl.RGBA], readFormat: gl.RGBA, readType: gl.FLOAT };
  const whole = { external: [0, 0, 0, 0, gl.RGBA_INTEGER], readFormat: gl.RGBA_INTEGER };
  const only = (format: number) => [0, 0, 0, 0, format];
  switch (dtype) {
    case 'f32':
      // Images come as they are; what is drawn is half as exact where the device draws nothing better.
      return { ...floats, internal: [0, gl.R32F, gl.RG32F, gl.RGB32F, half ? gl.RGBA16F : gl.RGBA32F], type: gl.FLOAT, view: Float32Array };
    case 'f16':
      // Only shaders meet it.
      return { ...floats, internal: only(gl.RGBA16F), type: gl.FLOAT, view: Float32Array };
    case 'i32':
      return { ...whole, internal: only(gl.RGBA32I), type: gl.INT, readType: gl.INT, view: Int32Array };
    case 'i8':
      return { ...whole, internal: only(gl.RGBA8I), type: gl.BYTE, readType: gl.INT, view: Int8Array };
    default:
      return { ...whole, internal: only(gl.RGBA8UI), type: gl.UNSIGNED_BYTE, readType: gl.UNSIGNED_INT, view: Uint8Array };
  }
}
