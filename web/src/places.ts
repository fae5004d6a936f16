/** Where the page's files are, as the build has put them. */
import gpuMjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import cpuMjs from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import face from "../../runtime/assets/face.onnx?url";
import type { Places } from "./model";

/** Bytes of the files, written in by the build. */
declare const __SIZES__: { face: number; webgpu: number; wasm: number };

/** An address that a worker, which lies elsewhere, understands as well. */
const here = (url: string): string => new URL(url, document.baseURI).href;

export function places(): Places {
  return {
    model: here("model/"),
    face: { url: here(face), bytes: __SIZES__.face },
    runtime: {
      webgpu: { mjs: here(gpuMjs), wasm: { url: here(gpuWasm), bytes: __SIZES__.webgpu } },
      wasm: { mjs: here(cpuMjs), wasm: { url: here(cpuWasm), bytes: __SIZES__.wasm } },
    },
  };
}
