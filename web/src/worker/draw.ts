// Draws kept tensors as images where they lie. The worker fetches this script when the first one is drawn. Its shaders are
// fixed text, whatever the model: the module that compiles models is long gone by then.
import { LinnetError, toLinnetError } from '../errors.js';
import type { KeptOutput } from '../gpu/host.js';
import type { KeptTexture } from '../gpu/webgl2_replay.js';
import type { KeptBuffer } from '../gpu/webgpu.js';
import { arrayOver } from '../tensors.js';
import type { DrawOptions, TensorInfo } from '../types.js';

const entries = 256;

/** What there is to draw, and how. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** From an element to 0 ... 255. */
  readonly scale: number;
  readonly offset: number;
  /** bytes: channels are red, green, blue, alpha; levels: a byte picks a colour; classes: the largest, or only, channel does. */
  readonly kind: 'bytes' | 'levels' | 'classes';
  /** RGBA of each level or class. */
  readonly table: Uint8ClampedArray<ArrayBuffer>;
}

const wrong = (what: string): never => {
  throw new LinnetError('InvalidArgument', what);
};

// Colours at even distances over all levels, or one for each class, over and over.
function tableOf(palette: readonly (readonly number[])[], classes: boolean): Uint8ClampedArray<ArrayBuffer> {
  const isColour = (colour: unknown) =>
    Array.isArray(colour) && (colour.length === 3 || colour.length === 4) && colour.every((value) => value >= 0 && value <= 255);
  const least = classes ? 1 : 2;
  if (!Array.isArray(palette) || palette.length < least || palette.length > entries || !palette.every(isColour))
    return wrong(`a palette has ${least} to ${entries} colours of 3 or 4 numbers from 0 to 255`);
  const table = new Uint8ClampedArray(4 * entries);
  for (let i = 0; i < entries; ++i) {
    const place = classes ? i % palette.length : (i * (palette.length - 1)) / (entries - 1);
    const low = palette[Math.floor(place)]!;
    const high = palette[Math.ceil(place)]!;
    const at = (colour: readonly number[], channel: number) => colour[channel] ?? 255;
    for (let c = 0; c < 4; ++c) table[4 * i + c] = at(low, c) + (at(high, c) - at(low, c)) * (place % 1);
  }
  return table;
}

function pictureOf({ name, dtype, shape }: TensorInfo, options: DrawOptions): Picture {
  const { range = [0, 1], classes = false, palette } = options ?? {};
  const [low = NaN, high = NaN] = Array.isArray(range) ? range : [];
  if (!Number.isFinite(low) || !Number.isFinite(high) || low === high)
    return wrong(`a range has two different numbers, not ${range}`);
  if (shape.length < 2 || shape.length > 4 || (shape.length === 4 && shape[0] !== 1) || shape.includes(0))
    wrong(`'${name}' of [${shape}] is no image: that is [1,H,W,C], [H,W,C], [1,H,W] or [H,W]`);
  const sizes = shape.length === 4 || (shape.length === 3 && shape[0] === 1) ? shape.slice(1) : shape;
  const [height, width, channels = 1] = sizes as [number, number, number?];
  const kind = classes ? 'classes' : channels === 1 ? 'levels' : 'bytes';
  if (kind === 'bytes' && channels !== 3 && channels !== 4)
    wrong(`'${name}' of [${shape}] has ${channels} channels; 1, 3 or 4 can be drawn, or any number with classes: true`);
  if (kind === 'bytes' && palette) wrong(`a palette is for one channel, or for classes; '${name}' has ${channels}`);
  if (classes && !palette) wrong('classes need a palette');
  if (dtype === 'f16' || dtype === 'i8') wrong(`'${name}' of ${dtype} cannot be drawn`);
  const table = tableOf(palette ?? [[0, 0, 0], [255, 255, 255]], classes);
  const scale = 255 / (high - low);
  return { width, height, channels, scale, offset: -low * scale, kind, table };
}

// Of a premultiplied colour table.
function premultiplied(table: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(table, (value, i) => (i % 4 === 3 ? value : Math.round((value * table[i | 3]!) / 255)));
}

function drawOnCpu(info: TensorInfo, picture: Picture, bytes: ArrayBuffer): Promise<ImageBitmap> {
  const { width, height, channels, scale, offset, kind, table } = picture;
  const values = arrayOver(info, bytes);
  // In f32, as the shaders compute.
  const { fround } = Math;
  const [factor, term] = [fround(scale), fround(offset)];
  const byte = (at: number) => Math.floor(Math.min(Math.max(fround(fround(values[at]! * factor) + term), 0), 255) + 0.5);
  const classOf = (at: number) => {
    if (channels === 1) return Math.min(Math.max(values[at]!, 0), entries - 1) | 0;
    let best = 0;
    for (let c = 1; c < channels; ++c) if (values[at + c]! > values[at + best]!) best = c;
    return best % entries;
  };
  const image = new ImageData(width, height);
  const pixels = image.data;
  for (let pixel = 0, at = 0; pixel < width * height; ++pixel, at += channels) {
    if (kind === 'bytes') {
      for (let c = 0; c < 3; ++c) pixels[4 * pixel + c] = byte(at + c);
      pixels[4 * pixel + 3] = channels === 4 ? byte(at + 3) : 255;
    } else {
      const entry = 4 * (kind === 'levels' ? byte(at) : classOf(at));
      for (let c = 0; c < 4; ++c) pixels[4 * pixel + c] = table[entry + c]!;
    }
  }
  return createImageBitmap(image);
}

// --- WebGPU

function wgsl({ kind, channels }: Picture, whole: boolean): string {
  const index = {
    bytes: '',
    levels: 'let i = u32(byte(e));',
    classes:
      channels === 1
        ? `let i = u32(clamp(f32(x[e]), 0, ${entries - 1}));`
        : `var i = 0u; for (var c = 1u; c < ${channels}; c++) { if (x[e + c] > x[e + i]) { i = c; } } i %= ${entries};`,
  }[kind];
  const colour =
    kind === 'bytes'
      ? `let a = ${channels === 4 ? 'byte(e + 3)' : '255.0'};
  return vec4f(floor(vec3f(byte(e), byte(e + 1), byte(e + 2)) * a / 255 + 0.5), a) / 255;`
      : `${index}
  return unpack4x8unorm(p.table[i / 4][i % 4]);`;
  return `struct Picture { width: u32, scale: f32, offset: f32, table: array<vec4u, ${entries / 4}> }
@group(0) @binding(0) var<uniform> p: Picture;
@group(0) @binding(1) var<storage, read> x: array<${whole ? 'i32' : 'f32'}>;
fn byte(e: u32) -> f32 { return floor(clamp(f32(x[e]) * p.scale + p.offset, 0, 255) + 0.5); }
@vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(select(-1.0, 3.0, i == 1), select(-1.0, 3.0, i == 2), 0, 1);
}
@fragment fn pixel(@builtin(position) at: vec4f) -> @location(0) vec4f {
  let e = (u32(at.y) * p.width + u32(at.x)) * ${channels};
  ${colour}
}`;
}

/** What a device draws with. */
interface WebGpuPainter {
  readonly context: GPUCanvasContext;
  readonly uniforms: GPUBuffer;
  readonly pipelines: Map<string, Promise<GPURenderPipeline>>;
}
const webGpuPainters = new WeakMap<GPUDevice, WebGpuPainter>();
const format = 'rgba8unorm';

async function drawOnWebGpu({ device, buffer, computed }: KeptBuffer, whole: boolean, picture: Picture): Promise<ImageBitmap> {
  const { width, height, scale, offset, table } = picture;
  if (Math.max(width, height) > device.limits.maxTextureDimension2D) wrong(`an image of ${width} x ${height} is too large for this GPU`);
  let painter = webGpuPainters.get(device);
  if (!painter) {
    const context = new OffscreenCanvas(width, height).getContext('webgpu')!;
    context.configure({ device, format, alphaMode: 'premultiplied' });
    const uniforms = device.createBuffer({ size: 16 + 4 * entries, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    webGpuPainters.set(device, (painter = { context, uniforms, pipelines: new Map() }));
  }
  const { context, uniforms, pipelines } = painter;
  const code = wgsl(picture, whole);
  if (!pipelines.has(code)) {
    const module = device.createShaderModule({ code });
    pipelines.set(code, device.createRenderPipelineAsync({ layout: 'auto', vertex: { module, entryPoint: 'corner' }, fragment: { module, entryPoint: 'pixel', targets: [{ format }] } }));
  }
  const pipeline = await pipelines.get(code)!;
  await computed;
  const { canvas } = context;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const data = new Uint8Array(16 + 4 * entries);
  new Uint32Array(data.buffer)[0] = width;
  new Float32Array(data.buffer, 4, 2).set([scale, offset]);
  data.set(premultiplied(table), 16);
  device.queue.writeBuffer(uniforms, 0, data);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [uniforms, buffer].map((each, binding) => ({ binding, resource: { buffer: each } })),
  });
  const encoder = device.createCommandEncoder();
  const view = context.getCurrentTexture().createView();
  const pass = encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store' }] });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return (canvas as OffscreenCanvas).transferToImageBitmap();
}

// --- WebGL2

const vertexShader = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`;

function glsl({ kind, channels }: Picture, whole: boolean): string {
  const index = {
    bytes: '',
    levels: 'int i = int(byte(e));',
    classes:
      channels === 1
        ? `int i = int(clamp(at(e), 0.0, ${entries - 1}.0));`
        : `int i = 0; float most = at(e);
  for (int c = 1; c < ${channels}; ++c) { float next = at(e + c); if (next > most) { most = next; i = c; } }
  i %= ${entries};`,
  }[kind];
  const colour =
    kind === 'bytes'
      ? `float a = ${channels === 4 ? 'byte(e + 3)' : '255.0'};
  colour = vec4(floor(vec3(byte(e), byte(e + 1), byte(e + 2)) * a / 255.0 + 0.5), a) / 255.0;`
      : `${index}
  uint c_ = table[i >> 2][i & 3];
  colour = vec4(c_ & 255u, (c_ >> 8) & 255u, (c_ >> 16) & 255u, c_ >> 24) / 255.0;`;
  return `#version 300 es
precision highp float;
precision highp int;
uniform highp ${whole ? 'i' : ''}sampler2DArray x;
uniform ivec3 size;
uniform vec2 map;
uniform uvec4 table[${entries / 4}];
out vec4 colour;
float at(int e) { int t = e >> 2; return float(texelFetch(x, ivec3(t % size.z, t / size.z, 0), 0)[e & 3]); }
float byte(int e) { return floor(clamp(at(e) * map.x + map.y, 0.0, 255.0) + 0.5); }
void main() {
  int e = ((size.y - 1 - int(gl_FragCoord.y)) * size.x + int(gl_FragCoord.x)) * ${channels};
  ${colour}
}`;
}

const webGl2Programs = new WeakMap<WebGL2RenderingContext, Map<string, WebGLProgram>>();

function programOf(gl: WebGL2RenderingContext, text: string): WebGLProgram {
  let programs = webGl2Programs.get(gl);
  if (!programs) webGl2Programs.set(gl, (programs = new Map()));
  const known = programs.get(text);
  if (known) return known;
  const program = gl.createProgram()!;
  for (const [type, source] of [[gl.VERTEX_SHADER, vertexShader], [gl.FRAGMENT_SHADER, text]] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost())
    throw new LinnetError('GpuFailed', `the shader that draws: ${gl.getProgramInfoLog(program)}`);
  programs.set(text, program);
  return program;
}

// Models on the context take up their own state when they run.
function drawOnWebGl2({ gl, errors, work, surface }: KeptTexture, whole: boolean, picture: Picture): ImageBitmap {
  const { width, height, scale, offset, table } = picture;
  const canvas = gl.canvas as OffscreenCanvas;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const drawing = errors.resume(work);
  if (gl.drawingBufferWidth !== width || gl.drawingBufferHeight !== height)
    wrong(`an image of ${width} x ${height} is too large for this GPU`);
  const program = programOf(gl, glsl(picture, whole));
  gl.useProgram(program);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  gl.uniform1i(uniform('x'), 0);
  gl.uniform3i(uniform('size'), width, height, surface.width);
  gl.uniform2f(uniform('map'), scale, offset);
  gl.uniform4uiv(uniform('table'), new Uint32Array(premultiplied(table).buffer));
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, surface.texture);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.viewport(0, 0, width, height);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  const image = canvas.transferToImageBitmap();
  for (const each of [drawing, work]) errors.check(each);
  return image;
}

// A picture that does not go when the context does on which it was drawn, as it may in the context's own thread.
function copyOf(image: ImageBitmap): ImageBitmap {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d')!.drawImage(image, 0, 0);
  image.close();
  return canvas.transferToImageBitmap();
}

async function paint(kept: KeptOutput, info: TensorInfo, options: DrawOptions, stays: boolean): Promise<ImageBitmap> {
  const picture = pictureOf(info, options);
  const whole = info.dtype === 'i32';
  if (whole || info.dtype === 'f32') {
    if ('device' in kept) return drawOnWebGpu(kept as KeptBuffer, whole, picture);
    if ('gl' in kept) {
      const image = drawOnWebGl2(kept as KeptTexture, whole, picture);
      return stays ? copyOf(image) : image;
    }
  }
  // Truth values and bytes are packed.
  return drawOnCpu(info, picture, (await kept.read()).buffer);
}

/**
 * The tensor as an image, which `stays` in this thread or goes to another. Fails with InvalidArgument where it is none, or where
 * the options do not fit it.
 */
export function draw(kept: KeptOutput, info: TensorInfo, options: DrawOptions, stays: boolean): Promise<ImageBitmap> {
  return paint(kept, info, options, stays).catch((error: unknown) => Promise.reject(toLinnetError(error, 'GpuFailed')));
}
