import type { Model } from './model.js';

export type DType = 'f32' | 'f16' | 'i32' | 'i8' | 'u8' | 'bool';

/** The elements of a tensor in row-major order: f32 is Float32Array, i32 Int32Array, i8 Int8Array, u8 and bool
 * Uint8Array, f16 Uint16Array (bits). */
export type TypedArray = Float32Array | Int32Array | Int8Array | Uint8Array | Uint16Array;

/** An input or output of a model. Its name is the one that the model's signature gives. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export type NamedArrays = Record<string, TypedArray>;

/** An output that stays where it was computed, until it is disposed of or its model is. */
export interface KeptTensor extends TensorInfo {
  /** Its elements, which are read back now. */
  read(): Promise<TypedArray>;
  /**
   * Draws it as an image, without reading it back from a GPU: an f32 or i32 tensor of [1,H,W,C], [H,W,C], [1,H,W] or [H,W]. Three
   * channels are red, green and blue, a fourth is alpha, one is grey or what the palette says. A canvas without a context
   * of another kind shows this image alone, in its size; on one with a 2d context it is drawn over what is there, scaled to the
   * canvas.
   */
  draw(canvas: HTMLCanvasElement | OffscreenCanvas, options?: DrawOptions): Promise<void>;
  dispose(): Promise<void>;
}

/** How elements become pixels. */
export interface DrawOptions {
  /** The elements that become nothing and all of a colour; what is beyond is cut off. Default: [0, 1]. */
  readonly range?: readonly [number, number];
  /**
   * For one channel 2 to 256 colours at even distances over the range, blended in between; with `classes` one for each class.
   * Each is [red, green, blue] or [red, green, blue, alpha], from 0 to 255. Default: black to white.
   */
  readonly palette?: readonly (readonly number[])[];
  /** The largest of the channels names a pixel's class, or, as a whole number, the only one. The palette has their colours. */
  readonly classes?: boolean;
}

/** What a model's inputs may be: arrays, and tensors that it, or a model beside it, has kept. */
export type NamedInputs = Record<string, TypedArray | KeptTensor>;

/** What computes a model. */
export type Backend = 'wasm' | 'webgl2' | 'webgpu';

/** What GPUs store weights and tensors as. auto: f16 where the GPU computes in it, and the self-test finds it good. */
export type Precision = 'auto' | 'f32' | 'f16';

/** Where images become inputs. auto: on the GPU where WebGPU has one that is not emulated, else in the engine. */
export type PrepareOn = 'auto' | 'cpu' | 'gpu';

/** What is known of one backend here. */
export interface RungFigures {
  /** absent: this device or page has it not; skipped: given up for this visit, `reason` says why. */
  readonly state: 'absent' | 'idle' | 'compiling' | 'testing' | 'measuring' | 'ready' | 'rebuilding' | 'skipped';
  /** Milliseconds of one run, measured or remembered; null where it has not been. */
  readonly median: number | null;
  /** Bytes that it holds, or held when it was last in use. */
  readonly bytes: number;
  /** The self-test's largest error, as a part of the outputs' range; null before it has passed. */
  readonly error: number | null;
  readonly losses: number;
  readonly recoveries: number;
  /** Why it is absent, skipped or was lost; empty where nothing is wrong with it. */
  readonly reason: string;
}

/** Which backend answers, and why. */
export interface BackendChoice {
  /** The one that answers now; null while none does. */
  readonly backend: Backend | null;
  /** In words: "WASM, measured 12.9 ms; WebGPU 180 ms; WebGL2 70.1 ms". */
  readonly reason: string;
  /** Whether all is tried that was to be. */
  readonly decided: boolean;
  /** How often live latency had drifted so far that all was measured again. */
  readonly validations: number;
  /** Milliseconds of the latest runs. */
  readonly frames: { readonly median: number; readonly p95: number };
  readonly rungs: Readonly<Record<Backend, RungFigures>>;
}

/** One build of the engine. */
export type Variant = 'simd' | 'relaxed' | 'simd-threads' | 'relaxed-threads';

/** Bytes that a model holds. */
export interface MemoryFigures {
  /** The arena in which all intermediate tensors lie. */
  readonly arena: number;
  /** The least that an arena could be: the largest sum of tensors alive at one time. */
  readonly lowerBound: number;
  /** Scratch of all threads, beyond the arena. */
  readonly scratch: number;
  /** Weights as they lie in memory, packed. */
  readonly weights: number;
  /** Arena, scratch, weights and plan. */
  readonly resident: number;
  /** The whole WebAssembly memory: the high-water mark of loading and running. */
  readonly total: number;
}

/** The engine's heap, counted from its start. */
export interface HeapFigures {
  /** Allocations ever made. */
  readonly allocations: number;
  readonly liveBlocks: number;
  readonly liveBytes: number;
  /** The most bytes that were alive. */
  readonly peakBytes: number;
  /** Models and sessions that are open. */
  readonly liveHandles: number;
  /** Kept tensors that have not been disposed of. */
  readonly keptTensors: number;
}

/** Milliseconds of the latest run, by the worker's clock. */
export interface Timing {
  /** From an image's pixels to the model's input; 0 for a run on arrays. On the GPU that is a part of the run. */
  readonly prepare: number;
  /** Where the image became the model's input; null for a run on arrays. */
  readonly preparedOn: 'gpu' | 'cpu' | null;
  /** The model itself. */
  readonly run: number;
}

/** A node of the compiled model, and the time that it takes. */
export interface NodeTime {
  readonly name: string;
  /** What it computes. */
  readonly op: string;
  /** Rows and columns of a convolution's or pool's window; zeros for what has none. */
  readonly window: readonly number[];
  /** Shape and element type of its first operand. */
  readonly input: readonly number[];
  readonly dtype: DType;
  /** Shape of its result. */
  readonly output: readonly number[];
  /** The kernel of its last step; steps before only prepare for it. */
  readonly kernel: string;
  readonly steps: number;
  /** Multiply-accumulates. */
  readonly macs: number;
  /** Milliseconds in one run: the mean without the slowest tenth. */
  readonly ms: number;
}

export interface Progress {
  /** fetch: model.json and weights arrive; compile: the model is being compiled. */
  readonly phase: 'fetch' | 'compile';
  readonly loadedBytes: number;
  /** 0 while it is not known. */
  readonly totalBytes: number;
}

/**
 * How pixel values (0 to 255) become inputs: unit x/255; pm1 x/127.5-1; imagenet (x/255-mean)/deviation with ImageNet's
 * figures; raw as they are; or (x/255-mean)/deviation per channel with your own.
 */
export type Normalisation =
  | 'unit'
  | 'pm1'
  | 'imagenet'
  | 'raw'
  | { readonly mean: readonly [number, number, number]; readonly deviation: readonly [number, number, number] };

/** What is left out comes from the model's `userDefinedMetadata`, else from the defaults named here. */
export interface ImageOptions {
  /** Default: unit. */
  readonly normalisation?: Normalisation;
  /**
   * crop: the largest centred box of the input's aspect ratio; stretch: the whole image; letterbox: the whole image,
   * aspect ratio kept, on black. Default: crop.
   */
  readonly fit?: 'crop' | 'stretch' | 'letterbox';
  /** The part of the box's sides that crop keeps, above 0 and at most 1. Default: 0.875. */
  readonly crop?: number;
}

/** How an image is run, and with what. */
export interface ImageRunOptions extends ImageOptions {
  /** The input to fill, [1,H,W,3] or [1,H,W,1], where the model has several. */
  readonly input?: string;
  /** The other inputs, by name where there are several. Default: those of the run before. */
  readonly inputs?: TypedArray | KeptTensor | NamedInputs;
}

/** An image as it goes to the worker. */
export type WorkerImage = ImageBitmap | ImageData | VideoFrame;

/** Whatever `runImage` takes. An ImageBitmap or VideoFrame is handed over: it is closed afterwards. */
export type ImageInput = WorkerImage | Blob | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas;

export interface LoadOptions {
  /** auto, the default, picks the fastest correct one, measured on this device; or a certain one. */
  readonly backend?: 'auto' | Backend;
  /** What auto may choose among, beside wasm. Default: all there are. */
  readonly backends?: readonly Backend[];
  /** WebAssembly alone, whatever there is. */
  readonly safeMode?: boolean;
  /** Default: auto with the backend auto, f32 with a certain one. WebAssembly computes in f32, or in int8. */
  readonly precision?: Precision;
  /** Where images become inputs on WebGPU; what a GPU cannot take goes through the engine anyway. Default: auto. */
  readonly prepareOn?: PrepareOn;
  /** Told whenever something about the choice of a backend has changed. What it throws goes to `reportError`. */
  readonly onChoice?: (choice: BackendChoice) => void;
  /** Whether auto remembers its choice from visit to visit, in IndexedDB. Default: true. */
  readonly remember?: boolean;
  /** The application's own version: with another one the choice is made anew. */
  readonly appVersion?: string;
  /** How often in a row a lost GPU is rebuilt, and after how many milliseconds first. Default: 3 times, 500 ms. */
  readonly recovery?: { readonly rebuilds?: number; readonly backoff?: number };
  /**
   * Threads to use, 1 to 16. More than one needs a cross-origin isolated page; elsewhere one is used. Default: the
   * number of the machine's cores, at most 4, that the model's first runs show to be fastest.
   */
  readonly threads?: number;
  /** What an open first dimension of the inputs becomes. Default: 1. */
  readonly batch?: number;
  /** Shapes by input name, where the model leaves more than the first dimension open. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  /** How images become inputs, where the model's metadata does not say or is to be overruled. */
  readonly image?: ImageOptions;
  readonly onProgress?: (progress: Progress) => void;
  /** Stops loading; `loadModel` then rejects with code Aborted. */
  readonly signal?: AbortSignal;
  /** How to fetch model.json and its weights. */
  readonly request?: Pick<RequestInit, 'credentials' | 'headers' | 'cache' | 'mode'>;
  /** Where the package's worker and .wasm files are served. Default: beside its script. */
  readonly assets?: string | URL;
  /**
   * False runs the engine in the calling thread, for code that is in a worker of its own: an answer then costs no second
   * hop between threads. On a page's thread it blocks the page while it computes, and uses one thread. The backend is
   * wasm unless another is asked for. Default: true, a worker for each model.
   */
  readonly worker?: boolean;
  /**
   * A model whose thread and GPU this one shares, so that each takes what the other keeps. It must have been loaded with a
   * certain backend, which this one has too.
   */
  readonly beside?: Model;
  /** A certain build of the engine in place of the best one. For tests. */
  readonly variant?: Variant;
}

export interface RunOptions {
  /**
   * The result of an earlier run. Its arrays are used again for the new result, and are empty afterwards. A loop that
   * passes its last result allocates no new ones.
   */
  readonly recycle?: NamedArrays;
}
