// Replays a plan on WebGL2: textures, programs and framebuffers are made once; a run binds and draws as the words say, and
// reads back the outputs alone.
import { Abi } from '../generated/abi.js';
import type { GpuPlan, GpuPort } from './compiler.js';
import type { CpuRunner, KeptOutput, Pack, Replay, Source } from './host.js';
import { type Errors, type Gl, sleep, type Work } from './webgl2_context.js';
import { type Elements, formatOf } from './webgl2_format.js';
import { endPrograms, startPrograms, weightsUnit } from './webgl2_programs.js';
import { Readback } from './webgl2_readback.js';
import { copyRows, deleteSurface, fill, fillWeights, newSurface, newWeights, type Surface } from './webgl2_textures.js';

// Not among the types.
interface TimerQueries {
  readonly TIME_ELAPSED_EXT: number;
}

/** A kept output in a texture of its own. */
export interface KeptTexture extends KeptOutput {
  readonly gl: Gl;
  readonly errors: Errors;
  /** The run, and keeping its output. */
  readonly work: Work;
  readonly surface: Surface;
}

export class WebGl2Replay implements Replay {
  readonly #surfaces: readonly Surface[];
  readonly #weights: WebGLTexture;
  readonly #params: WebGLBuffer;
  readonly #readback: Readback;
  #programs: readonly WebGLProgram[] = [];
  #shader = -1; // the number of the program in use
  // What is bound, by unit.
  readonly #bound = new Int32Array(weightsUnit);
  // Bytes last uploaded, and the same memory as elements.
  readonly #views = new Map<Uint8Array, Elements>();
  readonly #timer: TimerQueries | null;
  #work: Work | null = null;

  private constructor(
    private readonly gl: Gl,
    private readonly errors: Errors,
    half: boolean,
    private readonly plan: GpuPlan,
    private readonly cpu: CpuRunner,
  ) {
    this.#begin();
    this.#surfaces = plan.textures.map((texture) => newSurface(gl, texture, formatOf(gl, texture.dtype, half)));
    this.#weights = newWeights(gl, plan.weightsBytes);
    this.#params = gl.createBuffer()!;
    gl.bindBuffer(gl.UNIFORM_BUFFER, this.#params);
    // Each draw sees as many bytes from its offset on, the last one too.
    gl.bufferData(gl.UNIFORM_BUFFER, plan.params.length + plan.mostParamBytes, gl.STATIC_DRAW);
    gl.bufferSubData(gl.UNIFORM_BUFFER, 0, plan.params);
    const surfacesAt = (places: readonly number[]) => places.map((place) => this.#at(place));
    this.#readback = new Readback(gl, [surfacesAt(plan.outputs.map(({ place }) => place)), ...plan.cpuParts.map(({ inputs }) => surfacesAt(inputs))]);
    this.#timer = gl.getExtension('EXT_disjoint_timer_query_webgl2') as TimerQueries | null;
  }

  get waits(): boolean {
    return !this.#timer;
  }

  /** Makes textures and programs, and fills the weights: shaders compile meanwhile, where the browser can do that. */
  static async create(gl: Gl, errors: Errors, half: boolean, plan: GpuPlan, cpu: CpuRunner, pack: Pack): Promise<WebGl2Replay> {
    const replay = new WebGl2Replay(gl, errors, half, plan, cpu);
    try {
      await replay.#prepare(pack);
    } catch (error) {
      replay.destroy();
      throw error;
    }
    return replay;
  }

  async run(inputs: readonly Source[], outputs: readonly Uint8Array[] | null): Promise<readonly KeptTexture[]> {
    const { gl, plan } = this;
    this.#begin();
    for (let i = 0; i < inputs.length; ++i) {
      const source = inputs[i];
      const port = plan.inputs[i]!;
      if (source instanceof Uint8Array) this.#upload(port.place, source);
      else if (source) this.#feed(source as KeptTexture, port);
    }
    const code = plan.words;
    for (let at = 0; at < code.length; at += 1 + (code[at]! >>> 16)) {
      if ((code[at]! & 0xffff) === Abi.kGpuCpuStep) await this.#runOnCpu(code[at + 1]!);
      else this.#draw(at);
    }
    if (!outputs) {
      const kept = plan.outputs.map((port) => this.#keep(port));
      gl.flush();
      return kept;
    }
    let bytes = 0;
    for (const { place } of plan.outputs) bytes = this.#readback.copy(this.#at(place), bytes);
    await this.#finished();
    bytes = 0;
    for (let i = 0; i < outputs.length; ++i) bytes = this.#readback.take(this.#at(plan.outputs[i]!.place), bytes, outputs[i]!);
    this.#check();
    return [];
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
    this.#begin();
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
    this.#check();
    return times;
  }

  destroy(): void {
    const { gl } = this;
    for (const surface of this.#surfaces) deleteSurface(gl, surface);
    gl.deleteTexture(this.#weights);
    gl.deleteBuffer(this.#params);
    this.#readback.destroy();
    for (const program of this.#programs) gl.deleteProgram(program);
  }

  // The first draw by a program makes the device compile it: a draw of one pixel, while others are still being linked, and
  // before the weights are there.
  async #prepare(pack: Pack): Promise<void> {
    const { gl, plan } = this;
    this.#programs = startPrograms(gl, plan.shaders);
    let piece = 0;
    const fillPiece = () => {
      if (piece === plan.pieces.length) {
        this.#check();
        return false;
      }
      const bytes = pack(piece);
      this.#begin();
      fillWeights(gl, plan.pieces[piece++]!.offset, bytes);
      return true;
    };
    const firstDraws: number[] = [];
    for (let at = 0; at < plan.words.length; at += 1 + (plan.words[at]! >>> 16))
      if ((plan.words[at]! & 0xffff) === Abi.kGpuDraw) firstDraws[plan.words[at + 1]!] ??= at;
    const draw = (number: number) => {
      this.#begin();
      this.#draw(firstDraws[number]!, 1);
      gl.flush();
    };
    await endPrograms(gl, this.#programs, firstDraws.map((at) => (plan.words[at]! >>> 16) - 5), draw, fillPiece);
    while (fillPiece());
  }

  // --- What a run does

  // A port's texture.
  #at(place: number): Surface {
    return this.#surfaces[place / 4]!;
  }

  // Other models may have been at work since.
  #begin(): void {
    const { gl } = this;
    this.#work = this.errors.resume(this.#work);
    gl.activeTexture(gl.TEXTURE0 + weightsUnit);
    gl.bindTexture(gl.TEXTURE_2D, this.#weights);
    this.#bound.fill(-1);
    this.#shader = -1;
  }

  async #finished(): Promise<void> {
    const before = this.#work!;
    await this.#readback.finished();
    this.#begin();
    this.#work!.error ||= before.error;
  }

  // Throws what the context reports of all that has been done since it was asked last.
  #check(): void {
    const work = this.#work;
    this.#work = null;
    if (work) this.errors.check(work);
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
    copyRows(this.gl, from, to, rows);
    this.#bound[0] = -1;
  }

  #fill(to: Surface, length: number, elements: Elements | null): void {
    fill(this.gl, to, length, elements);
    this.#bound[0] = -1;
  }

  #upload(place: number, bytes: Uint8Array<ArrayBuffer>): void {
    const to = this.#at(place);
    let elements = this.#views.get(bytes);
    if (!elements) {
      if (this.#views.size > 64) this.#views.clear();
      const { view } = to.format;
      elements = new view(bytes.buffer, bytes.byteOffset, bytes.length / (view as unknown as Float32ArrayConstructor).BYTES_PER_ELEMENT);
      this.#views.set(bytes, elements);
    }
    this.#fill(to, elements.length, elements);
  }

  #keep(port: GpuPort): KeptTexture {
    const { gl, errors } = this;
    const from = this.#at(port.place);
    // Rows that hold elements; those of other tensors in the same texture need not be kept.
    const rows = Math.ceil(port.shape.reduce((count, size) => count * size, 1) / 4 / from.width) || 1;
    const surface = newSurface(gl, { ...from, height: rows }, from.format);
    this.#copy(from, surface, rows);
    const work = this.#work!;
    return {
      gl,
      errors,
      work,
      surface,
      read: async () => {
        const bytes = new Uint8Array(port.bytes);
        this.#begin();
        this.#readback.copy(surface, 0);
        await this.#finished();
        this.#readback.take(surface, 0, bytes);
        this.#check();
        errors.check(work);
        return bytes;
      },
      destroy: () => deleteSurface(gl, surface),
    };
  }

  // An image whose texels are pixels is no copy of the kept texture: the elements go through a buffer on the GPU.
  #feed({ surface, work }: KeptTexture, { place, bytes }: GpuPort): void {
    if (work !== this.#work) this.errors.check(work);
    const to = this.#at(place);
    if (to.lanes === 4) {
      this.#copy(surface, to, surface.height);
    } else {
      this.#readback.copy(surface, 0);
      this.#readback.unpack(() => this.#fill(to, bytes / 4, null));
    }
  }

  // Gives the milliseconds that the nodes took.
  async #runOnCpu(number: number): Promise<number> {
    const { inputs, outputs } = this.plan.cpuParts[number]!;
    let at = 0;
    for (const place of inputs) at = this.#readback.copy(this.#at(place), at);
    await this.#finished();
    at = 0;
    for (let i = 0; i < inputs.length; ++i) at = this.#readback.take(this.#at(inputs[i]!), at, this.cpu.input(number, i));
    const start = performance.now();
    this.cpu.run(number);
    const taken = performance.now() - start;
    for (let i = 0; i < outputs.length; ++i) this.#upload(outputs[i]!, this.cpu.output(number, i) as Uint8Array<ArrayBuffer>);
    return taken;
  }
}
