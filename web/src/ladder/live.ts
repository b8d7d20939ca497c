// The live module in this thread: the ladder's exports with text and structs translated.
import { LinnetError } from '../errors.js';
import { Abi, abiHash, LiveCommand, type LiveExports, LiveRung, LiveSetup, LiveState, TestOutput } from '../generated/abi.js';
import type { Backend, BackendChoice, RungFigures } from '../types.js';

/** The rungs by their number. */
export const backends = ['wasm', 'webgl2', 'webgpu'] as const satisfies readonly Backend[];

const states = ['absent', 'idle', 'compiling', 'testing', 'measuring', 'ready', 'rebuilding', 'skipped'] as const;

/** What one output has to be compared with; `at` are the places of the golden answers in it. */
export interface TestedOutput {
  readonly elements: number;
  readonly golden: readonly number[];
  readonly at: readonly number[];
  readonly range: number;
}

export interface Setup {
  readonly available: readonly Backend[];
  readonly safeMode: boolean;
  readonly rebuilds: number | undefined;
  readonly backoff: number | undefined;
  readonly seed: number;
  readonly low: number;
  readonly high: number;
  readonly outputs: readonly TestedOutput[];
  /** What the choice is remembered under. */
  readonly key: readonly string[];
  /** What was remembered, or nothing. */
  readonly record: string;
}

export interface Command {
  action: number;
  rung: number;
  /** Milliseconds from now, or Infinity. */
  wait: number;
  /** To be compiled in f32 alone. */
  exact: boolean;
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

function moduleAt(url: string): Promise<WebAssembly.Module> {
  let module = modules.get(url);
  if (!module) {
    module = fetch(url).then(async (response) => {
      if (!response.ok) throw new LinnetError('Network', `${url} answered ${response.status}`);
      return WebAssembly.compile(await response.arrayBuffer());
    });
    module.catch(() => modules.delete(url));
    modules.set(url, module);
  }
  return module;
}

/** One ladder. Its memory never grows, so views of it stay good. */
export class Live {
  readonly #view: DataView;
  readonly #text: Uint8Array;
  readonly #setup: number;
  readonly #command: Command = { action: 0, rung: 0, wait: 0, exact: false };
  #samples: number[] = [];

  private constructor(
    private readonly exports: LiveExports,
    private readonly memory: WebAssembly.Memory,
  ) {
    this.#view = new DataView(memory.buffer);
    this.#setup = exports.live_setup();
    this.#text = new Uint8Array(memory.buffer, this.#u32(this.#setup + LiveSetup.text), Abi.kLiveTextBytes);
  }

  static async create(url: string): Promise<Live> {
    const { exports } = await WebAssembly.instantiate(await moduleAt(url));
    const live = exports as unknown as LiveExports & { readonly memory: WebAssembly.Memory };
    if (live.live_abi_hash() >>> 0 !== abiHash)
      throw new LinnetError('EngineFailed', `the script and ${url} are of different builds`);
    return new Live(live, live.memory);
  }

  /** Opens the ladder. False where the golden answers cannot be used: then WASM answers alone. */
  open(setup: Setup): boolean {
    for (const part of setup.key) this.exports.live_key_part(this.#put(part));
    const number = (field: LiveSetup, value: number) => this.#view.setUint32(this.#setup + field, value, true);
    const real = (field: LiveSetup, value: number) => this.#view.setFloat64(this.#setup + field, value, true);
    real(LiveSetup.now, performance.now());
    real(LiveSetup.unix_time, Date.now() / 1000);
    real(LiveSetup.rebuilds, setup.rebuilds ?? -1);
    real(LiveSetup.backoff, setup.backoff ?? -1);
    this.#view.setFloat32(this.#setup + LiveSetup.low, setup.low, true);
    this.#view.setFloat32(this.#setup + LiveSetup.high, setup.high, true);
    number(LiveSetup.seed, setup.seed);
    number(LiveSetup.available, setup.available.reduce((mask, backend) => mask | (1 << backends.indexOf(backend)), 0));
    number(LiveSetup.safe_mode, setup.safeMode ? 1 : 0);
    number(LiveSetup.output_count, setup.outputs.length);
    this.#floats(LiveSetup.golden, Abi.kGoldenAnswers).set(setup.outputs.flatMap(({ golden }) => golden));
    const list = this.#u32(this.#setup + LiveSetup.outputs);
    setup.outputs.forEach(({ elements, golden, range }, i) => {
      const output = list + i * TestOutput.sizeof;
      this.#view.setFloat64(output + TestOutput.golden_range, range, true);
      this.#view.setUint32(output + TestOutput.elements, elements, true);
      this.#view.setUint32(output + TestOutput.golden_count, golden.length, true);
    });
    const opened = this.exports.live_open(this.#put(setup.record)) !== 0;
    this.#samples = setup.outputs.map((_, i) => this.#u32(list + i * TestOutput.sizeof + TestOutput.samples));
    return opened;
  }

  event(event: number, rung: number, value = 0, text = ''): void {
    this.exports.live_event(event, rung, performance.now(), value, text === '' ? 0 : this.#put(text));
  }

  /** The next command; the object is the same every time. */
  next(): Command {
    const now = performance.now();
    const command = this.exports.live_next(now);
    this.#command.action = this.#u32(command + LiveCommand.action);
    this.#command.rung = this.#u32(command + LiveCommand.rung);
    this.#command.wait = this.#view.getFloat64(command + LiveCommand.wake, true) - now;
    this.#command.exact = this.#u32(command + LiveCommand.exact) !== 0;
    return this.#command;
  }

  /** Fills `target` with the self-test's input number `input`. */
  fill(input: number, whole: boolean, target: { length: number; set(from: Float32Array, at: number): void }): void {
    for (let first = 0; first < target.length; first += Abi.kLiveChunk) {
      const count = Math.min(Abi.kLiveChunk, target.length - first);
      this.exports.live_fill(input, first, count, whole ? 1 : 0);
      target.set(this.#floats(LiveSetup.chunk, count), first);
    }
  }

  /** Judges a rung's outputs on that input, which answers the command to test. */
  judge(rung: number, precision: number, outputs: readonly ArrayLike<number>[], tested: readonly TestedOutput[]): void {
    const samples = this.#floats(LiveSetup.samples, this.#samples.reduce((sum, count) => sum + count, 0));
    let at = 0;
    this.#samples.forEach((count, i) => {
      const output = outputs[i]!;
      for (let k = 0; k < count; ++k) samples[at++] = output[Math.floor((k * output.length) / count)]!;
    });
    const golden = tested.flatMap((output, i) => output.at.map((place) => outputs[i]![place]!));
    this.#floats(LiveSetup.golden_samples, Abi.kGoldenAnswers).set(golden);
    this.exports.live_judge(rung, precision, performance.now());
  }

  record(): string {
    return this.#decode(this.#text.byteOffset, this.exports.live_record(performance.now()));
  }

  /** Counts up with every change that `choice` shows. */
  get revision(): number {
    return this.#u32(this.exports.live_state() + LiveState.revision);
  }

  choice(): BackendChoice {
    const state = this.exports.live_state();
    return {
      backend: backends[this.#u32(state + LiveState.active)] ?? null,
      reason: this.#decode(this.#u32(state + LiveState.explanation), this.#u32(state + LiveState.explanation_bytes)),
      decided: this.#u32(state + LiveState.decided) !== 0,
      validations: this.#u32(state + LiveState.validations),
      frames: {
        median: this.#view.getFloat64(state + LiveState.frame_median, true),
        p95: this.#view.getFloat64(state + LiveState.frame_p95, true),
      },
      rungs: Object.fromEntries(backends.map((backend, i) => [backend, this.#rung(i)])) as Record<Backend, RungFigures>,
    };
  }

  #rung(number: number): RungFigures {
    const rung = this.exports.live_rung(number);
    const real = (field: LiveRung) => this.#view.getFloat64(rung + field, true);
    const error = real(LiveRung.error);
    return {
      state: states[this.#u32(rung + LiveRung.state)]!,
      median: real(LiveRung.median) || null,
      bytes: real(LiveRung.bytes),
      error: error < 0 ? null : error,
      losses: this.#u32(rung + LiveRung.losses),
      recoveries: this.#u32(rung + LiveRung.recoveries),
      reason: this.#decode(this.#u32(rung + LiveRung.reason), this.#u32(rung + LiveRung.reason_bytes)),
    };
  }

  #floats(field: LiveSetup, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, this.#u32(this.#setup + field), count);
  }
  #u32(address: number): number {
    return this.#view.getUint32(address, true);
  }
  #put(text: string): number {
    return new TextEncoder().encodeInto(text, this.#text).written;
  }
  #decode(address: number, bytes: number): string {
    return new TextDecoder().decode(new Uint8Array(this.memory.buffer, address, bytes));
  }
}
