// An image's way to an input, as modules take it.
import { ImageSpec } from '../generated/abi.js';
import type { ImagePlan } from '../protocol.js';

/** How an image lies in memory: `format` and `matrix` are kImage... and kMatrix... of the boundary. */
export interface ImageLayout {
  readonly width: number;
  readonly height: number;
  readonly format: number;
  readonly matrix: number;
  readonly fullRange: boolean;
}

/** The most bytes that the names of a plan take. */
export const nameBytes = ({ fit, normalisation }: ImagePlan) => 3 * (fit.length + normalisation.length);

/** Fills the ImageSpec at `spec` in a module's memory, and puts its names at `names`. */
export function writeImageSpec(view: DataView, spec: number, names: number, plan: ImagePlan, layout: ImageLayout): void {
  const u32 = (field: number, value: number) => view.setUint32(spec + field, value, true);
  const f32 = (field: number, value: number) => view.setFloat32(spec + field, value, true);
  const text = (field: number, value: string) => {
    const bytes = new TextEncoder().encode(value);
    new Uint8Array(view.buffer).set(bytes, names);
    u32(field, names);
    u32(field + 4, bytes.length);
    names += bytes.length;
  };
  u32(ImageSpec.width, layout.width);
  u32(ImageSpec.height, layout.height);
  u32(ImageSpec.format, layout.format);
  u32(ImageSpec.matrix, layout.matrix);
  u32(ImageSpec.full_range, +layout.fullRange);
  text(ImageSpec.fit, plan.fit);
  f32(ImageSpec.crop, plan.crop);
  text(ImageSpec.normalisation, plan.normalisation);
  plan.scale.forEach((value, channel) => f32(ImageSpec.scale + 4 * channel, value));
  plan.offset.forEach((value, channel) => f32(ImageSpec.offset + 4 * channel, value));
}
