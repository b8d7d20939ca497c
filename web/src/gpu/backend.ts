// A model on a GPU: the engine has read it and rewrites its graph, the module for GPUs compiles that, and the host of its
// API replays the plan. The worker fetches this script only when such a backend is asked for.
import { LinnetError } from '../errors.js';
import type { LoadRequest } from '../protocol.js';
import type { Engine, Port, SessionDescription } from '../worker/engine.js';
import { GpuCompiler, type GpuPlan, noSource } from './compiler.js';
import { type CpuRunner, openWebGpu, WebGpuReplay } from './webgpu.js';

/** What the worker runs in place of a session of the engine. */
export interface GpuModel {
  /** A session of the engine that holds the inputs. */
  readonly session: number;
  readonly description: SessionDescription;
  readonly precision: 'f32' | 'f16';
  /** One inference on the inputs as that session holds them. */
  readonly run: (outputs: readonly Uint8Array[]) => Promise<void>;
  readonly destroy: () => void;
}

// Nodes that no GPU kernel fits, as sessions of the engine.
class CpuParts implements CpuRunner {
  readonly #sessions;

  constructor(
    private readonly engine: Engine,
    graph: number,
    plan: GpuPlan,
  ) {
    this.#sessions = plan.cpuParts.map(({ first, last }) => engine.compileNodes(graph, first, last));
  }

  input(part: number, index: number): Uint8Array {
    return this.#bytes(this.#sessions[part]!.description.inputs[index]!);
  }

  run(part: number): void {
    this.engine.run(this.#sessions[part]!.handle);
  }

  output(part: number, index: number): Uint8Array {
    return this.#bytes(this.#sessions[part]!.description.outputs[index]!);
  }

  close(): void {
    for (const { handle } of this.#sessions) this.engine.close(handle);
  }

  #bytes({ address, bytes }: Port): Uint8Array {
    return this.engine.bytes.subarray(address, address + bytes);
  }
}

/**
 * Puts a model that the engine has read on the GPU. `compileModule` fetches linnet-gpu.wasm; `onLost` hears of a device
 * that is lost, and of what it reports as errors, after which results cannot be trusted.
 */
export async function openOnGpu(
  engine: Engine,
  model: number,
  request: LoadRequest,
  compileModule: (url: string) => Promise<WebAssembly.Module>,
  onLost: (error: LinnetError) => void,
): Promise<GpuModel> {
  const [{ device, target }, compiler] = await Promise.all([
    openWebGpu(),
    compileModule(new URL('linnet-gpu.wasm', request.assets).href).then((module) => GpuCompiler.create(module)),
  ]);
  // An emulated GPU computes in f32 whatever it stores.
  const { precision } = request;
  const f16 = precision === 'f16' || (precision === 'auto' && target.f16Arithmetic && !target.software);
  const graph = engine.openGraph(model, request.batch, request.inputShapes);
  try {
    const plan = compiler.compile(graph.words, { ...target, f16 });
    const inputs = engine.compileNodes(graph.handle, 1, 0);
    const parts = new CpuParts(engine, graph.handle, plan);
    const replay = await WebGpuReplay.create(device, plan, parts, (piece) => {
      const { source } = plan.pieces[piece]!;
      return compiler.pack(piece, source === noSource ? null : graph.constant(source));
    });
    let closed = false;
    void device.lost.then(({ reason, message }) => {
      if (!closed) onLost(new LinnetError('DeviceLost', `${reason}: ${message}`));
    });
    device.onuncapturederror = ({ error }) =>
      onLost(new LinnetError(error instanceof GPUOutOfMemoryError ? 'OutOfMemory' : 'GpuFailed', error.message));
    const views = () =>
      inputs.description.inputs.map(({ address, bytes }) => engine.bytes.subarray(address, address + bytes) as Uint8Array<ArrayBuffer>);
    return {
      session: inputs.handle,
      precision: f16 ? 'f16' : 'f32',
      description: {
        ...inputs.description,
        outputs: plan.outputs.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes, address: 0 })),
        macs: graph.macs,
        steps: plan.steps,
        arena: plan.arenaBytes,
        lowerBound: plan.lowerBoundBytes,
        scratch: 0,
        weights: plan.weightsBytes,
        resident: plan.arenaBytes + plan.weightsBytes + plan.params.length + plan.words.byteLength,
      },
      run: (outputs) => replay.run(views(), outputs),
      destroy: () => {
        closed = true;
        parts.close();
        replay.destroy();
        device.destroy();
      },
    };
  } catch (error) {
    device.destroy();
    throw error;
  } finally {
    engine.close(graph.handle);
  }
}
