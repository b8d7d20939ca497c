// Replays a plan on WebGL2, without a canvas on the page: textures, programs and framebuffers are made once; a run binds
// and draws as the words say, and reads back the outputs alone.
import { LinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { GpuPlan, GpuTexture } from './compiler.js';
import { type CpuRunner, emulated, type GpuHost, type KeptOutput, type Pack, type Replay } from './host.js';
import { type Elements, type Format, formatOf } from './webgl2_format.js';

type Gl = WebGL2RenderingContext;

// Not among the types.
interface TimerQueries {
  readonly TIME_ELAPSED_EXT: number;
}

const vertices = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`;
const weightsUnit = 15;

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
const lostError = () => new LinnetError('DeviceLost', 'the WebGL2 context was lost');

/** Opens a context of its own. Rejects with UnsupportedHost where there is none that can draw numbers. */
export async function openHost(): Promise<GpuHost> {
  const canvas = new OffscreenCanvas(1, 1);
  const gl = canvas.getContext('webgl2', { antialias: false, depth: false, powerPreference: 'high-performance' });
  if (!gl) throw new LinnetError('UnsupportedHost', 'this browser gives no WebGL2 context');
  const half = !gl.getExtension('EXT_color_buffer_float');
  if (half && !gl.getExtension('EXT_color_buffer_half_float'))
    throw new LinnetError('UnsupportedHost', 'this GPU draws no floating-point numbers in WebGL2');
  const named = gl.getExtension('WEBGL_debug_renderer_info');
  const adapter = String(gl.getParameter(named?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER));
  let closed = false;
  return {
    adapter,
    target: {
      api: Abi.kGpuApiWebGl2,
      f16: half,
      f16Arithmetic: false,
      minSubgroup: 0,
      maxSubgroup: 0,
      software: emulated.test(adapter),
      maxBindingBytes: 0,
      maxWorkgroups: 0,
      maxTextureSize: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    },
    replay: (plan, cpu, pack) => WebGl2Replay.create(gl, half, plan, cpu, pack),
    watch: (onLost) =>
      canvas.addEventListener('webglcontextlost', () => {
        if (!closed) onLost(lostError());
      }),
    close: () => {
      closed = true;
      // Contexts are few; this one goes at once.
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}

/** A texture, and what draws into it. */
interface Surface extends GpuTexture {
  readonly format: Format;
  readonly texture: WebGLTexture;
  readonly frame: WebGLFramebuffer | null;
}

/** A kept output in a texture of its own. */
export interface KeptTexture extends KeptOutput {
  readonly gl: Gl;
  readonly surface: Surface;
}

export class WebGl2Replay implements Replay {
  readonly #surfaces: readonly Surface[];
  readonly #weights: WebGLTexture;
  readonly #params: WebGLBuffer;
  readonly #readback: WebGLBuffer;
  #readbackBytes = 0;
  #programs: readonly WebGLProgram[] = [];
  #shader = -1; // the number of the program in use
  // What is bound, by unit.
  readonly #bound = new Int32Array(weightsUnit);
  // Bytes last uploaded, and the same memory as elements.
  readonly #views = new Map<Uint8Array, Elements>();
  readonly #timer: TimerQueries | null;
  // How long the GPU has been busy with a run of late.
  #busy = 0;

  private constructor(
    private readonly gl: Gl,
    half: boolean,
    private readonly plan: GpuPlan,
    private readonly cpu: CpuRunner,
  ) {
    this.#surfaces = plan.textures.map((texture) => this.#surface(texture, formatOf(gl, texture.dtype, half)));
    this.#weights = this.#texture(gl.TEXTURE_2D);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, Abi.kGpuWeightsWidth, Math.max(1, Math.ceil(plan.weightsBytes / 16 / Abi.kGpuWeightsWidth)));
    this.#params = gl.createBuffer()!;
    gl.bindBuffer(gl.UNIFORM_BUFFER, this.#params);
    // Each draw sees as many bytes from its offset on, the last one too.
    gl.bufferData(gl.UNIFORM_BUFFER, plan.params.length + plan.mostParamBytes, gl.STATIC_DRAW);
    gl.bufferSubData(gl.UNIFORM_BUFFER, 0, plan.params);
    this.#readback = gl.createBuffer()!;
    this.#timer = gl.getExtension('EXT_disjoint_timer_query_webgl2') as TimerQueries | null;
  }

  get waits(): boolean {
    return !this.#timer;
  }

  /** Makes textures and programs, and fills the weights: shaders compile meanwhile, where the browser can do that. */
  static async create(gl: Gl, half: boolean, plan: GpuPlan, cpu: CpuRunner, pack: Pack): Promise<WebGl2Replay> {
    // What other models on the context have left behind is not this one's.
    while (gl.getError());
    const replay = new WebGl2Replay(gl, half, plan, cpu);
    try {
      const parallel = gl.getExtension('KHR_parallel_shader_compile');
      replay.#startPrograms();
      plan.pieces.forEach(({ offset }, piece) => replay.#fillWeights(offset, pack(piece)));
      replay.#check();
      await replay.#endPrograms(parallel);
      if (gl.isContextLost()) throw lostError();
    } catch (error) {
      replay.destroy();
      throw error;
    }
    return replay;
  }

  async run(inputs: readonly (Uint8Array<ArrayBuffer> | null)[], outputs: readonly Uint8Array[] | null): Promise<void> {
    const { gl, plan } = this;
    if (gl.isContextLost()) throw lostError();
    for (let i = 0; i < inputs.length; ++i) if (inputs[i]) this.#upload(plan.inputs[i]!.place, inputs[i]!);
    this.#bindWeights();
    const code = plan.words;
    for (let at = 0; at < code.length; at += 1 + (code[at]! >>> 16)) {
      if ((code[at]! & 0xffff) === Abi.kGpuCpuStep) await this.#runOnCpu(code[at + 1]!);
      else this.#draw(at);
    }
    if (!outputs) return gl.flush();
    let bytes = 0;
    for (const { place } of plan.outputs) bytes = this.#download(this.#surfaces[place / 4]!, bytes);
    await this.#finished();
    bytes = 0;
    for (let i = 0; i < outputs.length; ++i) bytes = this.#take(this.#surfaces[plan.outputs[i]!.place / 4]!, bytes, outputs[i]!);
    if (gl.isContextLost()) throw lostError();
  }

  keep(output: number): KeptTexture {
    const { gl, plan } = this;
    const port = plan.outputs[output]!;
    const from = this.#surfaces[port.place / 4]!;
    // Rows that hold elements; those of other tensors in the same texture need not be kept.
    const rows = Math.ceil(port.shape.reduce((count, size) => count * size, 1) / 4 / from.width) || 1;
    const surface = this.#surface({ ...from, height: rows }, from.format);
    this.#copy(from, surface, rows);
    return {
      gl,
      surface,
      read: async () => {
        const bytes = new Uint8Array(port.bytes);
        this.#download(surface, 0);
        await this.#finished();
        this.#take(surface, 0, bytes);
        if (gl.isContextLost()) throw lostError();
        // There was no memory for its texture.
        if (gl.getError()) throw new LinnetError('OutOfMemory', 'the GPU could not keep the tensor');
        return bytes;
      },
      destroy: () => {
        gl.deleteTexture(surface.texture);
        gl.deleteFramebuffer(surface.frame);
      },
    };
  }

  // An image whose texels are pixels is no copy of the kept texture: the elements go through a buffer on the GPU.
  feed(kept: KeptOutput, input: number): void {
    const { gl } = this;
    const { surface } = kept as KeptTexture;
    const { place, bytes } = this.plan.inputs[input]!;
    const to = this.#surfaces[place / 4]!;
    if (to.lanes === 4) {
      this.#copy(surface, to, surface.height);
    } else {
      this.#download(surface, 0);
      gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, this.#readback);
      this.#put(to, bytes / 4, null);
      gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, null);
    }
  }

  /**
   * Milliseconds of each step in one run on the inputs as they are: by timer queries, or where there are none (`waits`)
   * until a pixel of the step's result has been read, which takes time too.
   */
  async profile(): Promise<Float64Array> {
    const { gl, plan } = this;
    const timer = this.#timer;
    const times = new Float64Array(plan.steps);
    const queries: { readonly step: number; readonly query: WebGLQuery }[] = [];
    this.#bindWeights();
    const code = plan.words;
    for (let at = 0, step = 0; at < code.length; at += 1 + (code[at]! >>> 16), ++step) {
      if ((code[at]! & 0xffff) === Abi.kGpuCpuStep) {
        times[step] = await this.#runOnCpu(code[at + 1]!);
      } else if (timer) {
        const query = gl.createQuery()!;
        queries.push({ step, query });
        gl.beginQuery(timer.TIME_ELAPSED_EXT, query);
        this.#draw(at);
        gl.endQuery(timer.TIME_ELAPSED_EXT);
      } else {
        const start = performance.now();
        this.#draw(at);
        const { format } = this.#surfaces[code[at + 3]!]!;
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
        gl.readPixels(0, 0, 1, 1, format.readFormat, format.readType, format.readType === gl.FLOAT ? new Float32Array(4) : format.readType === gl.INT ? new Int32Array(4) : new Uint32Array(4));
        times[step] = performance.now() - start;
      }
    }
    await this.#finished();
    for (const { step, query } of queries) {
      while (!gl.getQueryParameter(query, gl.QUERY_RESULT_AVAILABLE) && !gl.isContextLost()) await sleep(1);
      times[step] = Number(gl.getQueryParameter(query, gl.QUERY_RESULT)) / 1e6;
      gl.deleteQuery(query);
    }
    if (gl.isContextLost()) throw lostError();
    return times;
  }

  destroy(): void {
    const { gl } = this;
    for (const { texture, frame } of this.#surfaces) {
      gl.deleteTexture(texture);
      gl.deleteFramebuffer(frame);
    }
    gl.deleteTexture(this.#weights);
    for (const buffer of [this.#params, this.#readback]) gl.deleteBuffer(buffer);
    for (const program of this.#programs) gl.deleteProgram(program);
  }

  // --- What is made once

  #texture(target: number): WebGLTexture {
    const { gl } = this;
    const texture = gl.createTexture()!;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(target, texture);
    gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    return texture;
  }

  #surface(spec: GpuTexture, format: Format): Surface {
    const { gl } = this;
    const texture = this.#texture(gl.TEXTURE_2D_ARRAY);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, format.internal[spec.lanes]!, spec.width, spec.height, spec.layers);
    if (spec.lanes < 4) return { ...spec, format, texture, frame: null };
    const frame = gl.createFramebuffer()!;
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    const targets = Array.from({ length: spec.layers }, (_, layer) => gl.COLOR_ATTACHMENT0 + layer);
    targets.forEach((target, layer) => gl.framebufferTextureLayer(gl.FRAMEBUFFER, target, texture, 0, layer));
    gl.drawBuffers(targets);
    return { ...spec, format, texture, frame };
  }

  #startPrograms(): void {
    const { gl } = this;
    const compiled = (type: number, text: string) => {
      const shader = gl.createShader(type)!;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      return shader;
    };
    const vertex = compiled(gl.VERTEX_SHADER, vertices);
    this.#programs = this.plan.shaders.map((text) => {
      const program = gl.createProgram()!;
      const fragment = compiled(gl.FRAGMENT_SHADER, text);
      gl.attachShader(program, vertex);
      gl.attachShader(program, fragment);
      gl.linkProgram(program);
      // They go with the program.
      gl.deleteShader(fragment);
      return program;
    });
    gl.deleteShader(vertex);
    gl.flush();
  }

  // Asking for the result of a link waits for it: where the browser can tell that it is there, that is asked first. The
  // first draw by a program makes the device compile it: a draw of one pixel, while others are still being linked.
  async #endPrograms(parallel: KHR_parallel_shader_compile | null): Promise<void> {
    const { gl, plan } = this;
    const firstDraws: number[] = [];
    for (let at = 0; at < plan.words.length; at += 1 + (plan.words[at]! >>> 16))
      if ((plan.words[at]! & 0xffff) === Abi.kGpuDraw) firstDraws[plan.words[at + 1]!] ??= at;
    let waiting = [...this.#programs.keys()];
    while (waiting.length > 0) {
      if (gl.isContextLost()) throw lostError();
      const ready = (number: number) => !parallel || gl.getProgramParameter(this.#programs[number]!, parallel.COMPLETION_STATUS_KHR);
      const linked = waiting.filter(ready);
      waiting = waiting.filter((number) => !linked.includes(number));
      // Other models may have run meanwhile.
      this.#bindWeights();
      for (const number of linked) {
        this.#endProgram(this.#programs[number]!);
        this.#draw(firstDraws[number]!, 1);
        gl.flush();
      }
      this.#check();
      if (linked.length === 0) await sleep(1);
    }
  }

  // Before anything is waited for: meanwhile other models may do what the context would report.
  #check(): void {
    const { gl } = this;
    if (gl.isContextLost()) throw lostError();
    const error = gl.getError();
    if (error === gl.OUT_OF_MEMORY) throw new LinnetError('OutOfMemory', 'the textures of the model do not fit the GPU');
    if (error !== gl.NO_ERROR) throw new LinnetError('GpuFailed', `the textures of the model: WebGL error ${error}`);
  }

  #endProgram(program: WebGLProgram): void {
    const { gl } = this;
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      const [, fragment] = gl.getAttachedShaders(program)!;
      throw new LinnetError('GpuFailed', `a shader of the model: ${gl.getProgramInfoLog(program)} ${gl.getShaderInfoLog(fragment!)}`);
    }
    gl.useProgram(program);
    for (let unit = 0; unit < weightsUnit; ++unit) {
      const sampler = gl.getUniformLocation(program, `s${unit}`);
      if (!sampler) break;
      gl.uniform1i(sampler, unit);
    }
    gl.uniform1i(gl.getUniformLocation(program, 'w'), weightsUnit);
  }

  #fillWeights(offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + weightsUnit);
    gl.bindTexture(gl.TEXTURE_2D, this.#weights);
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

  // --- What a run does

  #bindWeights(): void {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + weightsUnit);
    gl.bindTexture(gl.TEXTURE_2D, this.#weights);
    this.#bound.fill(-1);
    this.#shader = -1;
  }

  // Draws the step of the words at `at`, of its result at most so many texels a side.
  #draw(at: number, most = Infinity): void {
    const { gl, plan } = this;
    const code = plan.words;
    if (this.#shader !== code[at + 1]) gl.useProgram(this.#programs[(this.#shader = code[at + 1]!)]!);
    const end = at + 1 + (code[at]! >>> 16);
    gl.bindBufferRange(gl.UNIFORM_BUFFER, 0, this.#params, code[at + 2]!, plan.mostParamBytes);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#surfaces[code[at + 3]!]!.frame);
    gl.viewport(0, 0, Math.min(most, code[at + 4]!), Math.min(most, code[at + 5]!));
    for (let unit = 0, word = at + 6; word < end; ++unit, ++word) {
      if (this.#bound[unit] === code[word]) continue;
      this.#bound[unit] = code[word]!;
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.#surfaces[code[word]!]!.texture);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  #copy(from: Surface, to: Surface, rows: number): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, from.frame);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, to.texture);
    this.#bound[0] = -1;
    gl.copyTexSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, 0, 0, to.width, rows);
  }

  #elements(bytes: Uint8Array<ArrayBuffer>, { view }: Format): Elements {
    let elements = this.#views.get(bytes);
    if (!elements) {
      if (this.#views.size > 64) this.#views.clear();
      elements = new view(bytes.buffer, bytes.byteOffset, bytes.length / (view as unknown as Float32ArrayConstructor).BYTES_PER_ELEMENT);
      this.#views.set(bytes, elements);
    }
    return elements;
  }

  #upload(place: number, bytes: Uint8Array<ArrayBuffer>): void {
    const to = this.#surfaces[place / 4]!;
    const elements = this.#elements(bytes, to.format);
    this.#put(to, elements.length, elements);
  }

  // Whole rows, the beginning of one, and a last texel that is not full, which only `elements` can have. Without these from
  // the buffer to unpack, in words.
  #put({ texture, width, lanes, format }: Surface, length: number, elements: Elements | null): void {
    const { gl } = this;
    const texels = Math.floor(length / lanes);
    const rows = Math.floor(texels / width);
    const put = (column: number, row: number, columns: number, count: number, source: Elements | null, at: number) => {
      const [format_, type] = [format.external[lanes]!, format.type];
      if (source) gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, column, row, 0, columns, count, 1, format_, type, source, at);
      else gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, column, row, 0, columns, count, 1, format_, type, 4 * at);
    };
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    this.#bound[0] = -1;
    if (rows > 0) put(0, 0, width, rows, elements, 0);
    if (texels % width > 0) put(0, rows, texels % width, 1, elements, rows * width * lanes);
    if (elements && length > texels * lanes) {
      const last = new format.view(new ArrayBuffer(16), 0, 4);
      last.set(elements.subarray(texels * lanes));
      put(texels % width, rows, 1, 1, last, 0);
    }
  }

  // Has the rows of a texture that hold a result copied to the read-back's buffer at `at`; gives the end.
  #download({ frame, width, height, format }: Surface, at: number): number {
    const { gl } = this;
    const end = at + 16 * width * height;
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.#readback);
    if (end > this.#readbackBytes) this.#growReadback(end);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.readPixels(0, 0, width, height, format.readFormat, format.readType, at);
    return end;
  }

  #growReadback(least: number): void {
    const size = (places: readonly number[]) =>
      places.reduce((sum, place) => sum + 16 * this.#surfaces[place / 4]!.width * this.#surfaces[place / 4]!.height, 0);
    const { outputs, cpuParts } = this.plan;
    this.#readbackBytes = Math.max(least, size(outputs.map(({ place }) => place)), ...cpuParts.map(({ inputs }) => size(inputs)));
    this.gl.bufferData(this.gl.PIXEL_PACK_BUFFER, this.#readbackBytes, this.gl.STREAM_READ);
  }

  // Takes what #download has copied, once it is there.
  #take({ width, height, dtype }: Surface, at: number, to: Uint8Array): number {
    const { gl } = this;
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.#readback);
    if (dtype === 'f32' || dtype === 'i32') {
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, at, to);
    } else {
      const words = new Int32Array(to.length);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, at, words);
      to.set(words);
    }
    return at + 16 * width * height;
  }

  // Resolves when the GPU has done all that it was given. The event loop goes on meanwhile.
  async #finished(): Promise<void> {
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

  // Gives the milliseconds that the nodes took.
  async #runOnCpu(number: number): Promise<number> {
    const { inputs, outputs } = this.plan.cpuParts[number]!;
    let at = 0;
    for (const place of inputs) at = this.#download(this.#surfaces[place / 4]!, at);
    await this.#finished();
    at = 0;
    for (let i = 0; i < inputs.length; ++i) at = this.#take(this.#surfaces[inputs[i]! / 4]!, at, this.cpu.input(number, i));
    const start = performance.now();
    this.cpu.run(number);
    const taken = performance.now() - start;
    for (let i = 0; i < outputs.length; ++i) this.#upload(outputs[i]!, this.cpu.output(number, i) as Uint8Array<ArrayBuffer>);
    this.#bindWeights();
    return taken;
  }
}
