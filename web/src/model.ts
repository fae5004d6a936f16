/** From the page's address to an opened model: description, graphs, runtime, and the check that it gives sense. */
import { readBundle, SMALLER, type Bundle, type GraphEntry, type GraphName } from "./bundle";
import { download, type Progress, type Wanted } from "./download";
import { Engine, smallerName, type Models, type SmallerName } from "./engine";
import { VisitorError } from "./errors";
import { openNetworks, type NetworkName, type Networks } from "./layers/networks";
import { places } from "./motion";
import { hasGpu, loadRuntime, type Backend, type Runtime, type RuntimeFiles } from "./graphs";

/** Where everything is; the page's build knows. */
export interface Places {
  /** The folder with `bundle.json`, ending in a slash. */
  model: string;
  networks: Record<NetworkName, Wanted>;
  runtime: Record<Backend, { mjs: string; wasm: Wanted }>;
}

export interface Opened {
  engine: Engine;
  networks: Networks;
  runtime: Runtime;
}

/** All that is fetched of a model, which can be handed from the page to its workers. */
export interface Fetched {
  /** What its graphs are to be run with. */
  backend: Backend;
  /** Its `bundle.json`. */
  description: string;
  models: Models & Record<NetworkName, Uint8Array>;
  /** The runtime's own. */
  wasm: Uint8Array<ArrayBuffer>;
}

/** Fetch the model. `prefer`: a backend to try in any case. Throws a `VisitorError`. */
export async function fetchModel(places: Places, progress: Progress, prefer?: Backend): Promise<Fetched> {
  const description = await readDescription(places.model);
  const bundle = await readBundle(description);
  const backend = prefer ?? ((await hasGpu()) ? "webgpu" : "wasm");
  const file = ({ file, bytes, sha256 }: GraphEntry): Wanted => ({ url: places.model + file, bytes, sha256 });
  const graphs = Object.entries(bundle.graphs).map(([name, graph]) => [name, file(graph)]);
  const { smaller } = bundle;
  if (smaller) graphs.push(...SMALLER.map((name) => [smallerName(name), file(smaller.graphs[name])]));
  const wanted = { ...Object.fromEntries(graphs), ...places.networks, binary: places.runtime[backend].wasm };
  const { binary: wasm, ...models } = await download<GraphName | SmallerName | NetworkName | "binary">(wanted, progress);
  return { backend, description, models, wasm };
}

/** Open what was fetched; on WebAssembly where WebGPU does not work. `threads`: for WebAssembly. */
export async function openModel(places: Places, fetched: Fetched, threads: number): Promise<Opened> {
  const { backend, models, wasm } = fetched;
  const bundle = await readBundle(fetched.description);
  const own: RuntimeFiles = { mjs: places.runtime[backend].mjs, wasm };
  const opened = backend === "webgpu" && (await onGpu(bundle, models, own, threads));
  if (opened) return opened;
  const runtime = await loadRuntime("wasm", threads, backend === "wasm" ? own : await files(places, "wasm"));
  return open(runtime, bundle, models);
}

async function readDescription(folder: string): Promise<string> {
  const response = await fetch(`${folder}bundle.json`).catch(() => undefined);
  if (!response?.ok) throw new VisitorError("The model could not be fetched; check the connection and reload the page.");
  return response.text();
}

async function files(places: Places, backend: Backend): Promise<RuntimeFiles> {
  const { mjs, wasm } = places.runtime[backend];
  return { mjs, wasm: (await download({ wasm })).wasm };
}

/** Nothing where that does not work: drivers fail in ways that only trying shows. */
async function onGpu(
  bundle: Bundle,
  models: Fetched["models"],
  files: RuntimeFiles,
  threads: number,
): Promise<Opened | undefined> {
  try {
    const runtime = await loadRuntime("webgpu", threads, files);
    const opened = await open(runtime, bundle, models);
    if (await givesSense(opened.engine)) return opened;
    await opened.engine.close();
    console.warn("WebGPU gives nonsense here; WebAssembly takes its place.");
  } catch (error) {
    console.warn("WebGPU does not run this model; WebAssembly takes its place.", error);
  }
  return undefined;
}

async function open(runtime: Runtime, bundle: Bundle, models: Fetched["models"]): Promise<Opened> {
  const networks = await openNetworks(runtime, models);
  return { engine: await Engine.open(runtime, bundle, models, networks), networks, runtime };
}

/** Whether a picture in its own pose comes back as about the picture: broken drivers give black, or noise. */
export async function givesSense(engine: Engine): Promise<boolean> {
  const size = engine.resolution;
  const picture = new Uint8Array(size * size * 3);
  for (let at = 0; at < picture.length; at++) {
    const pixel = Math.floor(at / 3);
    const wave = Math.sin((pixel % size) / 17 + (at % 3)) + Math.cos(Math.floor(pixel / size) / 23);
    picture[at] = 128 + 50 * wave;
  }
  const source = await engine.encode(picture);
  const image = await engine.render(source, source.motion);
  engine.forget(source);
  const sane = places(source.motion).every((value) => Math.abs(value) < 4);
  const difference = image.reduce((sum, value, at) => sum + Math.abs(value - picture[at]), 0) / image.length;
  return sane && difference < 40;
}
