// What the page and the engine's worker say to each other.
import type { ErrorCode } from './errors.js';
import type { Backend, DrawOptions, HeapFigures, MemoryFigures, NodeTime, Precision, PrepareOn, Progress, TensorInfo, Timing, Variant, WorkerImage } from './types.js';

export type ModelSource =
  | { readonly kind: 'url'; readonly url: string; readonly request: RequestInit }
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly file: Blob }[] };

export interface LoadRequest {
  readonly type: 'load';
  readonly source: ModelSource;
  readonly backend: Backend;
  readonly variant: Variant;
  /** Those that there are, of which the engine uses the fastest number with `measuredThreads`. */
  readonly threads: number;
  readonly measuredThreads: boolean;
  readonly batch: number;
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
  readonly precision: Precision;
  readonly prepareOn: PrepareOn;
  readonly assets: string;
}

/** An ImageOptions with every choice made: a name, or the figures. */
export interface ImagePlan {
  readonly fit: string;
  readonly crop: number;
  readonly normalisation: string;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** `outputs` are buffers to put the results into, of the right sizes; missing ones are made. */
export interface RunRequest {
  readonly type: 'run';
  /** All inputs, one after the other; it comes back in the reply. */
  readonly input: ArrayBuffer;
  readonly outputs: readonly ArrayBuffer[];
  /** Leaves the inputs as they were before, for images that fill one of several. */
  readonly aside?: boolean;
  /** By input the number of the kept tensor that it is, or null. */
  readonly fed?: readonly (number | null)[] | null;
  /** Keeps the outputs where they are, in place of sending them. */
  readonly keep?: boolean;
}

export interface ImageRequest {
  readonly type: 'image';
  readonly image: WorkerImage;
  readonly plan: ImagePlan;
  readonly input: number;
  /** Of all inputs before the image comes, where they are not those of the run before; it comes back in the reply. */
  readonly inputs?: ArrayBuffer | null;
  readonly outputs: readonly ArrayBuffer[];
  readonly fed?: RunRequest['fed'];
  readonly keep?: boolean;
}

export interface ProfileRequest {
  readonly type: 'profile';
  /** All inputs, one after the other. */
  readonly input: ArrayBuffer;
  readonly runs: number;
}

export type Request =
  | LoadRequest
  | RunRequest
  | ImageRequest
  | ProfileRequest
  /** The bytes of a kept tensor; lets go of it; or makes it an image. */
  | { readonly type: 'read'; readonly tensor: number }
  | { readonly type: 'drop'; readonly tensor: number }
  | { readonly type: 'draw'; readonly tensor: number; readonly info: TensorInfo; readonly options: DrawOptions }
  | { readonly type: 'heap' }
  | { readonly type: 'close' };

/** What a thread is asked beside: to stop this port's model, or to serve a further one at another port. */
export type HostRequest = Request | { readonly type: 'stop' } | { readonly type: 'beside'; readonly port: MessagePort };

export interface LoadReply {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly metadata: string;
  /** Of model.json and the weights, in hexadecimal; empty in a page that is not secure. */
  readonly digest: string;
  /** What the results are as exact as. */
  readonly precision: 'f32' | 'f16' | 'int8';
  readonly threads: number;
  readonly macs: number;
  readonly steps: number;
  readonly memory: MemoryFigures;
}

export interface RunReply {
  readonly outputs: readonly ArrayBuffer[];
  /** The numbers of the outputs that were kept. */
  readonly kept: readonly number[];
  readonly input: ArrayBuffer | null;
  readonly timing: Timing;
  readonly threads: number;
  readonly totalBytes: number;
}

export interface Replies {
  load: LoadReply;
  run: RunReply;
  image: RunReply;
  profile: readonly NodeTime[];
  read: { readonly bytes: ArrayBuffer };
  drop: HeapFigures;
  draw: { readonly picture: ImageBitmap };
  heap: HeapFigures;
  close: HeapFigures;
}

export type WorkerMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'reply'; readonly value: Replies[keyof Replies] }
  /** A request failed. */
  | { readonly type: 'error'; readonly code: ErrorCode; readonly detail: string }
  /** The GPU was lost or failed, whether a request was under way or not. */
  | { readonly type: 'lost'; readonly code: ErrorCode; readonly detail: string };

/** The names of the GPU adapters that a page can use; null where there is none, absent where that is not known. */
export interface Adapters {
  readonly webgpu?: string | null;
  readonly webgl2?: string | null;
}

/** What a helper thread needs: its own instance of the module over the shared memory. */
export interface HelperStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  readonly stackTop: number;
  readonly tls: number;
}
