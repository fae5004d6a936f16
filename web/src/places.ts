/** Where the page's files are, as the build has put them. */
import gpuMjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import cpuMjs from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import eye from "../../runtime/assets/eye.onnx?url";
import face from "../../runtime/assets/face.onnx?url";
import faceMesh from "../../runtime/assets/face_mesh.onnx?url";
import layers from "../../runtime/assets/layers.onnx?url";
import mouth from "../../runtime/assets/mouth.onnx?url";
import person from "../../runtime/assets/person.onnx?url";
import registration from "../../runtime/assets/registration.onnx?url";
import { NETWORKS, type NetworkName } from "./layers/networks";
import type { Places } from "./model";

/** Bytes of the files, written in by the build. */
declare const __SIZES__: Record<NetworkName | "webgpu" | "wasm", number>;
const URLS: Record<NetworkName, string> = { face, eye, face_mesh: faceMesh, mouth, person, layers, registration };

/** An address that a worker, which lies elsewhere, understands as well. */
const here = (url: string): string => new URL(url, document.baseURI).href;

export function places(): Places {
  return {
    model: here("model/"),
    networks: Object.fromEntries(
      NETWORKS.map((name) => [name, { url: here(URLS[name]), bytes: __SIZES__[name] }]),
    ) as Places["networks"],
    runtime: {
      webgpu: { mjs: here(gpuMjs), wasm: { url: here(gpuWasm), bytes: __SIZES__.webgpu } },
      wasm: { mjs: here(cpuMjs), wasm: { url: here(cpuWasm), bytes: __SIZES__.wasm } },
    },
  };
}
