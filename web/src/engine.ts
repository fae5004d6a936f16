/** An opened model: bytes in, bytes out, one picture at a time. */
import { GRAPHS, SMALLER, type Bundle, type GraphName } from "./bundle";
import { Graph, type Runtime, type Tensors } from "./graphs";
import { seeFace, seeHeadIn, seeSubject } from "./layers/anatomy";
import { Canvas } from "./layers/canvas";
import { Layers, type Rendered } from "./layers/compose";
import { findPerson } from "./layers/matte";
import { mended } from "./layers/mended";
import type { Networks } from "./layers/networks";
import { Driver, DRIVER } from "./layers/residual";
import { HEAD, places, withArrays, withSeen, type Motion } from "./motion";
import type { Picture } from "./picture";
import { resize } from "./resample";
import { withWeights } from "./weights";

/** Along a side of the flow by which a driver's picture is moved. */
const DRIVER_CELLS = 64;

/** A photo, encoded once: everything that `render` needs of it. */
export interface Source {
  motion: Motion;
  /** `feature_0` ..., on the GPU where that does the work. */
  features: Tensors;
}

/** Whether an output of `source` is a map of the encoded picture. */
export const isFeature = (name: string) => name.startsWith("feature_");

export type SmallerName = `smaller_${(typeof SMALLER)[number]}`;
export const smallerName = (name: (typeof SMALLER)[number]): SmallerName => `smaller_${name}`;

export type Models = Partial<Record<GraphName | SmallerName, Uint8Array>>;

type Graphs = Record<"source" | "motion" | "render", Graph> & { disentangle?: Graph };

export class Engine {
  private opening?: Promise<Engine>;

  private constructor(
    readonly bundle: Bundle,
    /** Height and width of pictures of the photo, in pixels. */
    readonly resolution: number,
    private graphs: Graphs,
    private networks?: Networks,
    /** Opens the one that moves photos in a smaller size. */
    private open?: () => Promise<Engine>,
  ) {}

  /**
   * Open the `models` of a bundle, one after another: together they would need twice the memory. With `networks` it can
   * move people in layers.
   */
  static async open(runtime: Runtime, bundle: Bundle, models: Models, networks?: Networks): Promise<Engine> {
    const features = bundle.graphs.source!.outputs.filter(isFeature);
    const graphs: Partial<Record<GraphName, Graph>> = {};
    for (const name of GRAPHS) {
      const model = models[name];
      if (model) graphs[name] = await Graph.open(runtime, model, name === "source" ? features : []);
    }
    const { smaller, resolution } = bundle;
    const open = async (): Promise<Engine> => {
      const own: Partial<Graphs> = {};
      for (const name of SMALLER) {
        const model = withWeights(models[smallerName(name)]!, models[name]!);
        own[name] = await Graph.open(runtime, model, name === "source" ? features : []);
      }
      return new Engine(bundle, smaller!.resolution, { ...(graphs as Graphs), ...own }, networks);
    };
    return new Engine(bundle, resolution, graphs as Graphs, networks, smaller && open);
  }

  /** The same model for photos of `side` pixels; motion it finds in the same frames as this one. Opened when first wanted. */
  async sized(side: number): Promise<Engine> {
    if (side === this.resolution) return this;
    if (!this.open || side !== this.bundle.smaller?.resolution) throw new Error(`the model has no size of ${side} pixels`);
    return (this.opening ??= this.open());
  }

  /** The features of a photo whose motion is known already; `picture` RGB bytes (R, R, 3). */
  async features(picture: Uint8Array, motion: Motion): Promise<Source> {
    const { source } = this.graphs;
    return { motion, features: featuresIn(await source.run({ image: source.bytes(picture, square(this.resolution)) })) };
  }

  /** Everything about a photo; `picture` RGB bytes (R, R, 3). */
  async encode(picture: Uint8Array): Promise<Source> {
    const { source } = this.graphs;
    const found = await source.run({ image: source.bytes(picture, square(this.resolution)) });
    return { motion: this.motionOf(found), features: featuresIn(found) };
  }

  /** The motion of a driving frame, RGB bytes of the bundle's resolution. */
  async detect(frame: Uint8Array): Promise<Motion> {
    const { motion } = this.graphs;
    const outputs = Object.keys(this.bundle.motion);
    return this.motionOf(await motion.run({ frame: motion.bytes(frame, square(this.bundle.resolution)) }, outputs));
  }

  /** `driving`'s pose in the shape of `source`. */
  async disentangle(source: Motion, driving: Motion): Promise<Motion> {
    const graph = this.graphs.disentangle!;
    const found = await graph.run({ ...named(graph, "source", source), ...named(graph, "driving", driving) });
    return withArrays(driving, this.motionOf(found).arrays);
  }

  /**
   * `motion` with what the eyes and the lips do in `frame`, of which it is, and where the face mesh sees the head there. Only
   * where there are layers.
   */
  async withLooks(frame: Uint8Array, motion: Motion): Promise<Motion> {
    return withSeen(motion, await seeFace(this.pictureOf(frame), this.bundle.names, places(motion), this.networks!));
  }

  /**
   * The `source`, which shows `picture`, RGB bytes (R, R, 3), with points made more exact by what the face mesh sees, as
   * those of drivers are that are moved in layers.
   */
  async looked(source: Source, picture: Uint8Array): Promise<Source> {
    const { names } = this.bundle;
    if (!this.networks || !Object.keys(names).length) return source;
    const head = await seeHeadIn(this.pictureOf(picture), names, places(source.motion), this.networks.mesh);
    return { ...source, motion: mended(withSeen(source.motion, { [HEAD]: head }), names) };
  }

  /** The source in the pose of `driving`: RGB bytes (R, R, 3). */
  async render(source: Source, driving: Motion): Promise<Uint8Array> {
    return (await this.run(source, driving, ["image"])).image.data as Uint8Array;
  }

  /** The same with the flow, where the bundle has it. */
  async renderDense(source: Source, driving: Motion): Promise<Rendered> {
    const { image, flow } = await this.run(source, driving, ["image", "flow"]);
    return { image: image.data as Uint8Array, flow: flow.data as Float32Array };
  }

  /**
   * What moves `source`, of which `canvas` shows more, as a person before a backdrop; nothing where no person is seen, or
   * the model gives no flow.
   */
  async layers(source: Source, canvas: Canvas): Promise<Layers | undefined> {
    const { networks, resolution } = this;
    const { names, graphs, framing } = this.bundle;
    if (!networks || !graphs.render!.outputs.includes("flow") || framing.subject !== "face") return undefined;
    const subject = await seeSubject(canvas, names, places(source.motion), resolution, networks);
    const person = subject && (await findPerson(canvas, subject.middle, networks.person, subject.sure));
    if (!person) return undefined;
    const rest = await this.renderDense(source, source.motion);
    return Layers.of(networks, canvas, subject, person, rest, resolution);
  }

  /**
   * What finds in driving frames what points do not tell, from one of them on: its `square`, RGB bytes of the bundle's
   * resolution, and its `motion`, its points as exact as `looked` makes a source's. Nothing where no person is seen. Only
   * where points have names.
   */
  async driver(square: Uint8Array, motion: Motion): Promise<Driver | undefined> {
    const [{ names, resolution }, networks] = [this.bundle, this.networks!];
    const picture = this.pictureOf(square);
    const small = resize(picture, [DRIVER, DRIVER], { filter: "box" }).data as Uint8Array;
    const canvas = Canvas.around(small, DRIVER, picture);
    const subject = await seeSubject(canvas, names, places(motion), resolution, networks);
    const person = subject && (await findPerson(canvas, subject.middle, networks.person, subject.sure));
    if (!person) return undefined;
    const rest = { image: square, flow: new Float32Array(2 * DRIVER_CELLS * DRIVER_CELLS) };
    const layers = await Layers.of(networks, canvas, subject, person, rest, resolution);
    return new Driver(layers, names, networks.registration);
  }

  /** Give back what `source` holds. */
  forget(source: Source): void {
    for (const feature of Object.values(source.features)) feature.dispose();
  }

  async close(): Promise<void> {
    for (const graph of Object.values(this.graphs)) await graph?.close();
  }

  private run(source: Source, driving: Motion, outputs: string[]): Promise<Tensors> {
    const { render } = this.graphs;
    const motions = { ...named(render, "source", source.motion), ...named(render, "driving", driving) };
    return render.run({ ...source.features, ...motions }, outputs);
  }

  /** Those of a graph's outputs that are declared as parameters of a motion. */
  private motionOf(found: Tensors): Motion {
    const names = Object.keys(this.bundle.motion).filter((name) => found[name]);
    const arrays = Object.fromEntries(names.map((name) => [name, found[name].data as Float32Array]));
    return { arrays, parameters: this.bundle.motion };
  }

  private pictureOf(data: Uint8Array): Picture {
    const side = this.bundle.resolution;
    return { width: side, height: side, stride: 3, data };
  }
}

const square = (side: number): number[] => [1, side, side, 3];

function featuresIn(found: Tensors): Tensors {
  return Object.fromEntries(Object.entries(found).filter(([name]) => isFeature(name)));
}

/** The arrays of `motion` under the names that graphs give to those of the source or driving frame. */
function named(graph: Graph, role: "source" | "driving", { arrays, parameters }: Motion): Tensors {
  const entries = Object.entries(arrays).map(([name, values]) => [
    `${role}_${name}`,
    graph.floats(values, [1, ...parameters[name].shape]),
  ]);
  return Object.fromEntries(entries);
}
