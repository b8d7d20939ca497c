// The host of the ladder: reports what happens to the live module, and carries out its commands. What answers is a rung,
// a worker with one backend; WASM's is the one that loaded the model.
import type { Channel, Runner } from '../channel.js';
import { LinnetError, toLinnetError } from '../errors.js';
import { Abi } from '../generated/abi.js';
import type { ImageRequest, LoadReply, Replies, Request, RunReply, RunRequest } from '../protocol.js';
import { arrayOver, bytesOf, elementsOf } from '../tensors.js';
import type { Backend, BackendChoice } from '../types.js';
import { keep, recall } from './choices.js';
import type { Golden } from './golden.js';
import { backends, Live, type Setup } from './live.js';
import { probeAdapters, type Probed } from './probe.js';
import { Kept } from './kept.js';
import { Rung } from './rung.js';
import { endedPage } from './trials.js';

export interface LadderOptions {
  readonly assets: string;
  /** What may be tried. */
  readonly backends: readonly Backend[];
  readonly golden: Golden;
  /** Some backends compute it in integers, others do not: answers are near each other only. */
  readonly quantised: boolean;
  readonly safeMode: boolean;
  readonly remember: boolean;
  /** What a choice depends on, beyond the model and the device. */
  readonly key: readonly string[];
  readonly recovery: { readonly rebuilds?: number; readonly backoff?: number };
  readonly onChoice: ((choice: BackendChoice) => void) | undefined;
  /** Starts a worker for a backend and has it load the model, in f32 alone where `exact`. */
  readonly open: (backend: Backend, exact: boolean) => { readonly channel: Channel; readonly reply: Promise<LoadReply> };
}

const wasm = Abi.kRungWasm;
const precisions = ['f32', 'f16', 'int8'] as const;
const longestTimer = 0x7fffffff;
// Errors of these kinds are a rung's own; all others are about what it was asked.
const failures = new Set(['DeviceLost', 'GpuFailed', 'OutOfMemory', 'EngineFailed']);

export class Ladder implements Runner {
  readonly isInWorker = true;
  readonly #rungs: (Rung | null)[] = [null, null, null];
  readonly #opening: (Channel | null)[] = [null, null, null];
  readonly #kept = new Kept();
  readonly #probing = new AbortController();
  readonly #first: LoadReply;
  #live: Live | null = null;
  #active: number = wasm;
  #ended: LinnetError | null = null;
  #lastError: LinnetError | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // What the choice is remembered under; empty where it is not.
  #key = '';
  #told = -1;
  #choice: BackendChoice | null = null;
  // Inputs of the last run that WASM has not seen, for images that fill one of several.
  #unseen: ArrayBuffer | null = null;
  // Goes to the rung being measured and comes back.
  #measure: { input: ArrayBuffer; outputs: readonly ArrayBuffer[] } | null = null;

  constructor(
    first: Channel,
    reply: LoadReply,
    private readonly options: LadderOptions,
  ) {
    this.#first = reply;
    this.#rungs[wasm] = this.#adopt(wasm, first, reply);
    // The ladder is a help: where it cannot start, WASM goes on answering.
    this.#begin().catch((error: unknown) => console.warn('linnet: the choice of a backend failed;', error));
  }

  get backend(): Backend {
    return backends[this.#active]!;
  }

  get choice(): BackendChoice | null {
    return this.#choice;
  }

  get ended(): LinnetError | null {
    return this.#ended ?? (this.#live ? null : (this.#rungs[wasm]?.channel.ended ?? null));
  }

  async ask<T extends Request['type']>(request: Extract<Request, { type: T }>, transfer: Transferable[] = []): Promise<Replies[T]> {
    // What one backend keeps, another does not have.
    if ('keep' in request && (request.keep || request.fed))
      throw new LinnetError('InvalidArgument', 'only a model loaded with a certain backend keeps tensors');
    if (request.type === 'run' || request.type === 'image')
      return (await this.#answer(request as RunRequest | ImageRequest, transfer)) as Replies[T];
    const rung = this.#rungs[request.type === 'profile' ? this.#active : wasm];
    if (!rung) throw this.#unanswered();
    return rung.ask<T>(request, transfer);
  }

  end(error: LinnetError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#probing.abort();
    clearTimeout(this.#timer);
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisibility);
    for (const channel of this.#opening) channel?.end(error);
    for (const rung of this.#rungs) rung?.channel.end(error);
  }

  // --- Answers

  async #answer(request: RunRequest | ImageRequest, transfer: Transferable[]): Promise<RunReply> {
    // An image fills one input and leaves the others as they were: WASM keeps them.
    const several = this.#first.inputs.length > 1;
    if (several && request.type === 'image') {
      const inputs = request.inputs ?? this.#unseen;
      this.#unseen = null;
      return this.#run(wasm, { ...request, inputs }, inputs && !request.inputs ? [...transfer, inputs] : transfer);
    }
    this.#unseen = null;
    if (this.#active === wasm) return this.#run(wasm, request, transfer);
    if (several) this.#unseen = (request as RunRequest).input.slice(0);
    this.#kept.keep(request);
    try {
      // Each failure has the ladder step to another rung, and WASM comes last.
      for (let attempt = 0; attempt < 2 * backends.length && this.#active !== wasm; ++attempt) {
        const index = this.#active;
        const rung = this.#rungs[index];
        try {
          const reply = await this.#run(index, ...this.#kept.forGpu(attempt === 0));
          if (this.#isFinite(reply)) return reply;
          const second = await this.#run(wasm, ...this.#kept.forWasm());
          if (this.#isFinite(second)) this.#report(Abi.kEventNotFinite, index);
          return second;
        } catch (error) {
          if (this.#ended || !this.#failed(index, error, rung)) throw error;
        }
      }
      return await this.#run(wasm, ...this.#kept.forWasm());
    } finally {
      this.#kept.release();
    }
  }

  async #run(index: number, request: RunRequest | ImageRequest, transfer: Transferable[]): Promise<RunReply> {
    const rung = this.#rungs[index];
    if (!rung) throw this.#unanswered();
    let reply: RunReply;
    try {
      reply = await (request.type === 'run' ? rung.ask<'run'>(request, transfer) : rung.ask<'image'>(request, transfer));
    } catch (error) {
      if (index === wasm) this.#failed(wasm, error);
      throw error;
    }
    rung.totalBytes = reply.totalBytes;
    const { run, preparedOn } = reply.timing;
    this.#live?.event(preparedOn === 'gpu' ? Abi.kEventPreparedFrame : Abi.kEventFrame, index, run);
    this.#obey();
    return { ...reply, totalBytes: this.#rungs.reduce((sum, each) => sum + (each?.totalBytes ?? 0), 0) };
  }

  #unanswered(): LinnetError {
    return this.#ended ?? this.#lastError ?? new LinnetError('EngineFailed', 'it is being rebuilt; ask again');
  }

  #isFinite(reply: RunReply): boolean {
    return this.#first.outputs.every((output, i) => {
      if (output.dtype !== 'f32') return true;
      let sum = 0; // infinite and undefined numbers leave NaN in it
      for (const value of arrayOver(output, reply.outputs[i]!)) sum += value - value;
      return sum === 0;
    });
  }

  // --- Commands and events

  async #begin(): Promise<void> {
    const { digest } = this.#first;
    const { assets, golden, safeMode, recovery } = this.options;
    const wanted = this.options.backends;
    const tries = !safeMode && wanted.some((backend) => backend !== 'wasm');
    const [adapters, live]: [Probed, Live] = await Promise.all([
      tries ? probeAdapters(assets, this.#probing.signal) : { missing: '' },
      Live.create(new URL('linnet-live.wasm', assets).href),
    ]);
    const key = [digest, ...this.options.key, adapters.webgpu ?? '', adapters.webgl2 ?? '', navigator.userAgent];
    if (tries && this.options.remember && digest !== '') this.#key = key.join('\n');
    const record = this.#key && (await recall(this.#key));
    const ended = this.#key && (await endedPage());
    if (this.#ended || this.#rungs[wasm]!.channel.ended) return;
    const setup: Setup = {
      ...golden,
      safeMode,
      rebuilds: recovery.rebuilds,
      backoff: recovery.backoff,
      available: wanted.filter((backend) => backend === 'wasm' || adapters[backend]),
      key,
      record,
    };
    live.open(setup);
    for (const backend of ['webgl2', 'webgpu'] as const) {
      const name = adapters[backend];
      const missing = name === null ? 'no adapter' : adapters.missing;
      const why = name ? backend === ended && 'a page ended while it was opened' : missing;
      if (why) live.event(Abi.kEventRefused, backends.indexOf(backend), 0, why);
    }
    this.#live = live;
    globalThis.document?.addEventListener('visibilitychange', this.#onVisibility);
    this.#onVisibility();
  }

  readonly #onVisibility = (): void => {
    const hidden = globalThis.document?.visibilityState === 'hidden';
    this.#report(hidden ? Abi.kEventHidden : Abi.kEventVisible, wasm);
  };

  #report(event: number, rung: number, value = 0, text = ''): void {
    if (this.#ended || !this.#live) return;
    this.#live.event(event, rung, value, text);
    this.#obey();
  }

  // Whether `error` is a failure of the rung itself, which is then reported, unless another has taken its place by now:
  // what was under way on one that is lost fails after it, when it may be rebuilt already.
  #failed(index: number, error: unknown, rung = this.#rungs[index]): boolean {
    const failure = toLinnetError(error, 'EngineFailed');
    if (!failures.has(failure.code)) return false;
    if (this.#rungs[index] !== rung) return true;
    this.#lastError = failure;
    const events: Partial<Record<string, number>> = { OutOfMemory: Abi.kEventOutOfMemory, GpuFailed: Abi.kEventInvalid };
    // A module that ran out of memory for one request still stands.
    if (index === wasm && failure.code === 'OutOfMemory') return true;
    this.#report(events[failure.code] ?? Abi.kEventLost, index, 0, failure.message);
    return true;
  }

  #obey(): void {
    const live = this.#live;
    if (!live || this.#ended) return;
    for (;;) {
      const { action, rung, wait, exact } = live.next();
      if (action === Abi.kActionWait) {
        clearTimeout(this.#timer);
        if (wait < longestTimer) this.#timer = setTimeout(() => this.#obey(), Math.max(0, wait));
        break;
      }
      if (action === Abi.kActionCompile) void this.#compile(rung, exact);
      else if (action === Abi.kActionTest) void this.#test(rung);
      else if (action === Abi.kActionMeasure) void this.#measureOnce(rung);
      else if (action === Abi.kActionSwitch) this.#active = rung;
      else if (action === Abi.kActionDrop) this.#drop(rung);
      else if (action === Abi.kActionStore && this.#key) void keep(this.#key, live.record());
    }
    if (live.revision === this.#told) return;
    this.#told = live.revision;
    this.#choice = live.choice();
    if (this.#choice.decided) this.#measure = null;
    try {
      this.options.onChoice?.(this.#choice);
    } catch (error) {
      // The caller's own error is not its run's.
      reportError(error);
    }
  }

  #drop(index: number): void {
    const error = new LinnetError('DeviceLost', `${backends[index]} was given up`);
    this.#opening[index]?.end(error);
    this.#rungs[index]?.channel.end(error);
    this.#opening[index] = this.#rungs[index] = null;
  }

  // Watches for losses between requests.
  #adopt(index: number, channel: Channel, reply: LoadReply): Rung {
    const rung = new Rung(channel, reply);
    channel.onLost = (error) => {
      if (this.#rungs[index] === rung) this.#failed(index, error);
    };
    return rung;
  }

  async #compile(index: number, exact: boolean): Promise<void> {
    if (!this.#rungs[index]) {
      const { channel, reply } = this.options.open(backends[index]!, exact);
      this.#opening[index] = channel;
      try {
        const loaded = await reply;
        if (loaded.digest !== this.#first.digest)
          throw new LinnetError('MalformedModel', 'the model has changed since it was loaded');
        const rung = this.#adopt(index, channel, loaded);
        if (this.#opening[index] !== channel) return channel.end(new LinnetError('DeviceLost', 'it came too late'));
        this.#opening[index] = null;
        this.#rungs[index] = rung;
      } catch (error) {
        if (this.#opening[index] !== channel) return;
        this.#opening[index] = null;
        channel.end(error as LinnetError);
        const { code, message } = toLinnetError(error, 'EngineFailed');
        return this.#report(code === 'DeviceLost' ? Abi.kEventLost : Abi.kEventRefused, index, 0, message);
      }
    }
    // Lets the caller finish first: it may be carrying out commands.
    await null;
    const { memory, precision } = this.#rungs[index]?.reply ?? {};
    this.#report(Abi.kEventReady, index, memory?.resident, precision);
  }

  #testInput(rung: Rung): ArrayBuffer {
    const buffer = new ArrayBuffer(rung.reply.inputs.reduce((sum, input) => sum + bytesOf(input), 0));
    let at = 0;
    rung.reply.inputs.forEach((input, i) => {
      const bytes = bytesOf(input);
      const values = arrayOver(input, new ArrayBuffer(bytes));
      if (elementsOf(input) > 0) this.#live!.fill(i, input.dtype !== 'f32', values);
      new Uint8Array(buffer, at, bytes).set(new Uint8Array(values.buffer));
      at += bytes;
    });
    return buffer;
  }

  async #test(index: number): Promise<void> {
    const rung = this.#rungs[index]!;
    try {
      const input = this.#testInput(rung);
      const reply = await rung.ask<'run'>({ type: 'run', input, outputs: [], aside: true }, [input]);
      if (this.#ended || this.#rungs[index] !== rung) return;
      const outputs = rung.reply.outputs.map((output, i) => arrayOver(output, reply.outputs[i]!));
      const precision = this.options.quantised ? 'int8' : rung.reply.precision;
      this.#live!.judge(index, precisions.indexOf(precision), outputs, this.options.golden.outputs);
      this.#obey();
    } catch (error) {
      this.#giveUp(index, rung, error);
    }
  }

  async #measureOnce(index: number): Promise<void> {
    const rung = this.#rungs[index]!;
    const { input, outputs } = this.#measure ?? { input: this.#testInput(rung), outputs: [] };
    this.#measure = null;
    try {
      const reply = await rung.ask<'run'>({ type: 'run', input, outputs, aside: true }, [input, ...outputs]);
      if (this.#ended || this.#rungs[index] !== rung) return;
      if (reply.input) this.#measure = { input: reply.input, outputs: reply.outputs };
      this.#report(Abi.kEventMeasured, index, reply.timing.run);
    } catch (error) {
      this.#giveUp(index, rung, error);
    }
  }

  // The self-test's input is a valid one, so any error is the rung's.
  #giveUp(index: number, rung: Rung, error: unknown): void {
    if (this.#ended || this.#rungs[index] !== rung || this.#failed(index, error)) return;
    this.#report(Abi.kEventInvalid, index, 0, toLinnetError(error, 'EngineFailed').message);
  }
}
