// Textures, what draws into them, and how elements come in.
import { Abi } from '../generated/abi.js';
import type { GpuTexture } from './compiler.js';
import type { Gl } from './webgl2_context.js';
import type { Elements, Format } from './webgl2_format.js';

/** A texture of a tensor, and what draws into it. */
export interface Surface extends GpuTexture {
  readonly format: Format;
  /** A texel that is not full. */
  readonly last: Elements;
  readonly texture: WebGLTexture;
  readonly frame: WebGLFramebuffer | null;
}

function newTexture(gl: Gl, target: number): WebGLTexture {
  const texture = gl.createTexture()!;
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(target, texture);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  return texture;
}

export function newSurface(gl: Gl, spec: GpuTexture, format: Format): Surface {
  const texture = newTexture(gl, gl.TEXTURE_2D_ARRAY);
  const last = new format.view(new ArrayBuffer(16), 0, 4);
  gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, format.internal[spec.lanes]!, spec.width, spec.height, spec.layers);
  if (spec.lanes < 4) return { ...spec, format, last, texture, frame: null };
  const frame = gl.createFramebuffer()!;
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  const targets = Array.from({ length: spec.layers }, (_, layer) => gl.COLOR_ATTACHMENT0 + layer);
  targets.forEach((target, layer) => gl.framebufferTextureLayer(gl.FRAMEBUFFER, target, texture, 0, layer));
  gl.drawBuffers(targets);
  return { ...spec, format, last, texture, frame };
}

export function deleteSurface(gl: Gl, { texture, frame }: Surface): void {
  gl.deleteTexture(texture);
  gl.deleteFramebuffer(frame);
}

/** The texture of so many bytes of weights. */
export function newWeights(gl: Gl, bytes: number): WebGLTexture {
  const texture = newTexture(gl, gl.TEXTURE_2D);
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, Abi.kGpuWeightsWidth, Math.max(1, Math.ceil(bytes / 16 / Abi.kGpuWeightsWidth)));
  return texture;
}

/** Puts a piece of them at byte `offset` of the texture that is bound. */
export function fillWeights(gl: Gl, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
  const elements = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const width = Abi.kGpuWeightsWidth;
  // The rest of a row, whole rows, the beginning of one.
  for (let texel = offset / 16, at = 0; at < elements.length; ) {
    const column = texel % width;
    const left = (elements.length - at) / 4;
    const columns = Math.min(width - column, left);
    const rows = column === 0 ? Math.max(1, Math.floor(left / width)) : 1;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, column, Math.floor(texel / width), columns, rows, gl.RGBA, gl.FLOAT, elements, at);
    texel += columns * rows;
    at += 4 * columns * rows;
  }
}

function bind(gl: Gl, { texture }: Surface): void {
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
}

/** Copies the first rows, by texture unit 0. */
export function copyRows(gl: Gl, from: Surface, to: Surface, rows: number): void {
  gl.bindFramebuffer(gl.FRAMEBUFFER, from.frame);
  bind(gl, to);
  gl.copyTexSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, 0, 0, to.width, rows);
}

/**
 * Fills whole rows, the beginning of one, and a last texel that is not full, which only `elements` can have, by texture
 * unit 0. Without these from the buffer to unpack, in words.
 */
export function fill(gl: Gl, surface: Surface, length: number, elements: Elements | null): void {
  const { width, lanes, last } = surface;
  const texels = Math.floor(length / lanes);
  const rows = Math.floor(texels / width);
  bind(gl, surface);
  if (rows > 0) put(gl, surface, 0, 0, width, rows, elements, 0);
  if (texels % width > 0) put(gl, surface, 0, rows, texels % width, 1, elements, rows * width * lanes);
  if (elements && length > texels * lanes) {
    for (let lane = 0; lane < lanes; ++lane) last[lane] = elements[texels * lanes + lane] ?? 0;
    put(gl, surface, texels % width, rows, 1, 1, last, 0);
  }
}

function put(gl: Gl, { lanes, format }: Surface, column: number, row: number, columns: number, rows: number, source: Elements | null, at: number): void {
  const external = format.external[lanes]!;
  if (source) gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, column, row, 0, columns, rows, 1, external, format.type, source, at);
  else gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, column, row, 0, columns, rows, 1, external, format.type, 4 * at);
}
