// What the hosts of GPU plans have in common.
import type { LinnetError } from '../errors.js';
import type { ImagePlan } from '../protocol.js';
import type { WorkerImage } from '../types.js';
import type { GpuPlan, GpuTarget } from './compiler.js';

/** Runs nodes on the CPU, between a plan's parts. */
export interface CpuRunner {
  /** Where an operand's bytes go. */
  readonly input: (part: number, index: number) => Uint8Array;
  readonly run: (part: number) => void;
  readonly output: (part: number, index: number) => Uint8Array;
}

/** Gives the packed bytes of a piece of the weights, good until the next one. */
export type Pack = (piece: number) => Uint8Array<ArrayBuffer>;

/** An output that stays where it was computed. */
export interface KeptOutput {
  readonly read: () => Promise<Uint8Array<ArrayBuffer>>;
  readonly destroy: () => void;
}

/** What an input is filled with; null leaves it as it is. */
export type Source = Uint8Array<ArrayBuffer> | KeptOutput | null;

/** An image on the GPU that is to fill an input; good until the next one is taken, and as long as its source is open. */
export type TakenImage = object;

/** A plan in place. */
export interface Replay {
  /**
   * One inference on bytes, on what a plan on this GPU has kept, and where an input is null on the image that was taken. Puts the
   * outputs' bytes into `outputs`; where there are none, keeps the outputs beyond the next run.
   */
  readonly run: (inputs: readonly Source[], outputs: readonly Uint8Array[] | null, taken?: TakenImage | null) => Promise<readonly KeptOutput[]>;
  /** Brings the image that is to fill an input in a run; null where it cannot. `assets` is where scripts and modules are served. */
  readonly take?: (image: WorkerImage, plan: ImagePlan, input: number, assets: string) => Promise<TakenImage | null>;
  /** Milliseconds of each step in one run on the inputs as they are. */
  readonly profile: () => Promise<Float64Array>;
  /** Whether a profile waits for each step, which takes time too, for want of a clock on the GPU. */
  readonly waits: boolean;
  readonly destroy: () => void;
}

/** A GPU through one API. */
export interface GpuHost {
  /** What plans are to know of it. */
  readonly target: GpuTarget;
  /** Vendor, architecture and description, for people and for remembered choices. */
  readonly adapter: string;
  readonly replay: (plan: GpuPlan, cpu: CpuRunner, pack: Pack) => Promise<Replay>;
  /** Has `onLost` told when the GPU is lost, and of what it reports as errors. */
  readonly watch: (onLost: (error: LinnetError) => void) => void;
  /** Gives everything back, and reports nothing more. More than once is as good as once. */
  readonly close: () => void;
}

/** Names of adapters that compute on the CPU. */
export const emulated = /swiftshader|llvmpipe|lavapipe|software|basic render/i;
