/** ONNX Runtime Web: on WebGPU where the browser has it and it gives sense, else on WebAssembly. */
import type * as Ort from "onnxruntime-web";

export type Backend = "webgpu" | "wasm";
export type Tensors = Record<string, Ort.Tensor>;

/** The runtime's own files; Node finds them by itself. */
export interface RuntimeFiles {
  /** Address of the script from which its threads start. */
  mjs: string;
  wasm: Uint8Array<ArrayBuffer>;
}

export interface Runtime {
  ort: typeof Ort;
  backend: Backend;
  threads: number;
}

/** Whether this browser offers a GPU at all. */
export async function hasGpu(): Promise<boolean> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
  return Boolean(await gpu?.requestAdapter().catch(() => undefined));
}

/** The runtime of that backend, nothing opened yet. */
export async function loadRuntime(backend: Backend, threads: number, files?: RuntimeFiles): Promise<Runtime> {
  // The two differ by 12 MB of WebAssembly: whoever has no GPU does not fetch what drives it.
  const ort = (await (backend === "webgpu"
    ? import("onnxruntime-web/webgpu")
    : import("onnxruntime-web/wasm"))) as typeof Ort;
  ort.env.wasm.numThreads = threads;
  if (files) {
    ort.env.wasm.wasmPaths = { mjs: files.mjs };
    ort.env.wasm.wasmBinary = files.wasm.buffer;
  }
  return { ort, backend, threads };
}

/** One opened graph. */
export class Graph {
  private constructor(
    private ort: typeof Ort,
    private session: Ort.InferenceSession,
  ) {}

  /** `stays`: outputs that a later graph takes, and that therefore need not leave a GPU. */
  static async open(runtime: Runtime, model: Uint8Array, stays: readonly string[] = []): Promise<Graph> {
    const onGpu = runtime.backend === "webgpu";
    const session = await runtime.ort.InferenceSession.create(model, {
      executionProviders: [runtime.backend],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      ...(onGpu && stays.length
        ? { preferredOutputLocation: Object.fromEntries(stays.map((name) => [name, "gpu-buffer" as const])) }
        : {}),
    });
    return new Graph(runtime.ort, session);
  }

  get inputs(): readonly string[] {
    return this.session.inputNames;
  }

  bytes(data: Uint8Array, shape: number[]): Ort.Tensor {
    return new this.ort.Tensor("uint8", data, shape);
  }

  floats(data: Float32Array, shape: number[]): Ort.Tensor {
    return new this.ort.Tensor("float32", data, shape);
  }

  longs(values: number[]): Ort.Tensor {
    return new this.ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** The named outputs; of `feeds`, what the graph does not take is left out. */
  async run(feeds: Tensors, outputs?: readonly string[]): Promise<Tensors> {
    const wanted = Object.fromEntries(Object.entries(feeds).filter(([name]) => this.inputs.includes(name)));
    return (await this.session.run(wanted, outputs ?? this.session.outputNames)) as Tensors;
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
