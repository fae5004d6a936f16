/// <reference types="vitest/config" />
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";

const DESCRIPTION = "public/model/bundle.json";
/** What a visitor needs one of, or fetches anyway: kept when it is fetched, not before. */
const LATER = /\.(wasm|mjs|map)$|^sw\.js$/;

/** Those of the engine's own networks that the page takes, where they are. */
const NETWORKS = ["face", "eye", "face_mesh", "mouth", "person", "layers", "registration"];
const RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded";

/** Tells the service worker what the page consists of, and puts the Space's description beside it. */
function shelter(): Plugin {
  return {
    name: "shelter",
    apply: "build",
    generateBundle(_, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the build made no sw.js");
      const files = Object.keys(bundle).filter((name) => !LATER.test(name));
      const hash = createHash("sha256").update(Object.keys(bundle).join());
      for (const name of files) {
        const made = bundle[name];
        hash.update(made.type === "chunk" ? made.code : made.source);
      }
      hash.update(worker.code);
      if (existsSync(DESCRIPTION)) hash.update(readFileSync(DESCRIPTION));
      const shell = ["./", ...files.filter((name) => name !== "index.html")];
      worker.code = worker.code
        .replace("__SHELL__", JSON.stringify(shell))
        .replaceAll("__VERSION__", JSON.stringify(`bunraku-${hash.digest("hex").slice(0, 16)}`));
    },
    writeBundle({ dir }) {
      copyFileSync("README.md", `${dir}/README.md`);
    },
  };
}

export default defineConfig({
  base: "./",
  // The runtime's own files stay as they are: its threads start from them.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  define: {
    __SIZES__: JSON.stringify({
      ...Object.fromEntries(NETWORKS.map((name) => [name, statSync(`../runtime/assets/${name}.onnx`).size])),
      webgpu: statSync(`${RUNTIME}.asyncify.wasm`).size,
      wasm: statSync(`${RUNTIME}.wasm`).size,
    }),
  },
  worker: { format: "es" },
  server: { fs: { allow: [".."] } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    reportCompressedSize: false,
    rollupOptions: {
      input: { main: "index.html", sw: "src/sw.ts" },
      output: { entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  plugins: [shelter()],
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000 },
});
