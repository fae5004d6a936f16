/** What the worker does for the page, as one object: everything heavy behind a handful of calls. */
import { Animator, sceneOf, type Scene, type Settings } from "./animator";
import { cutTo, Framer, type Crop, type Framed } from "./framing";
import type { Engine } from "./engine";
import { openModel, type Fetched, type Opened, type Places } from "./model";
import type { Backend } from "./graphs";
import { Canvas } from "./layers/canvas";
import { places, type Mode, type Motion } from "./motion";
import type { Picture } from "./picture";
import { resize, type Box } from "./resample";

/** Part of a square's side that is shown at least, whatever of it lies outside of the photo. */
const LEAST_SHOWN = 0.6;

/** What the page needs to know of the opened model. */
export interface About {
  name: string;
  resolution: number;
  /** The sizes in which it moves photos, in pixels along the side, the largest, which is the resolution, first. */
  sizes: number[];
  modes: Mode[];
  backend: Backend;
  threads: number;
}

export class Stage {
  private framed: Framed = {};
  /** The photo, the square that was framed in it, and whether only what it shows itself is shown. */
  private photo?: { picture: Picture; framed: Framed; cropped: boolean };
  private side: number;
  /** The photo in the sizes that were wanted so far. */
  private scenes = new Map<number, Scene>();
  private framer: Framer;
  private animator: Animator;

  private constructor(private opened: Opened) {
    const { engine } = opened;
    this.side = engine.resolution;
    const points = async (square: Uint8Array): Promise<Float32Array> => places(await engine.detect(square));
    const sight = Object.values(engine.bundle.motion).some(({ kind }) => kind === "point") ? { resolution: engine.resolution, points } : undefined;
    this.framer = new Framer(engine.bundle.framing, opened.networks.face, sight, opened.networks);
    this.animator = new Animator(opened.engine);
  }

  /** `threads`: for WebAssembly. */
  static async open(where: Places, fetched: Fetched, threads: number): Promise<Stage> {
    return new Stage(await openModel(where, fetched, threads));
  }

  get about(): About {
    const { engine, runtime } = this.opened;
    const { name, resolution, smaller, modes } = engine.bundle;
    const sizes = smaller ? [resolution, smaller.resolution] : [resolution];
    return { name, resolution, sizes, modes, backend: runtime.backend, threads: runtime.threads };
  }

  /** Frame and encode a photo. */
  async source(picture: Picture, crop: Crop): Promise<Framed> {
    const framed = await this.framer.source(picture, crop);
    for (const { engine, source } of this.scenes.values()) engine.forget(source);
    this.scenes.clear();
    this.photo = { picture, framed, cropped: crop === "auto" };
    this.animator.take(await this.scene(this.side));
    this.animator.rest();
    return framed;
  }

  /** Show the photo in pictures of `side` pixels, one of the sizes that it has; a stream goes on. */
  async resize(side: number): Promise<void> {
    if (this.photo) this.animator.take(await this.scene(side));
    this.side = side;
  }

  private async scene(side: number): Promise<Scene> {
    const { picture, framed } = this.photo!;
    const there = this.scenes.get(side);
    if (there) return there;
    const square = cutTo(picture, framed, side);
    const engine = await this.opened.engine.sized(side);
    const canvas = Canvas.around(square, side, picture, framed.window);
    const made = engine === this.opened.engine ? await this.whole(square, canvas) : await this.smaller(engine, square, canvas);
    this.scenes.set(side, made);
    return made;
  }

  private async whole(square: Uint8Array, canvas: Canvas): Promise<Scene> {
    const { engine } = this.opened;
    const source = await engine.encode(square);
    return sceneOf(engine, source, canvas, await engine.looked(source, square));
  }

  /** Its motion is found at full size, whatever size it is shown in. */
  private async smaller(engine: Engine, square: Uint8Array, canvas: Canvas): Promise<Scene> {
    const { motion } = (await this.scene(this.opened.engine.resolution)).source;
    return sceneOf(engine, await engine.features(square, motion), canvas);
  }

  /** Begin a driving video whose first seconds show `samples`, all of one size. */
  async begin(samples: Picture[], crop: Crop, settings: Settings, rate: number): Promise<Framed> {
    this.framed = await this.framer.driving(samples, crop);
    this.animator.begin(settings, rate);
    return this.framed;
  }

  adjust(settings: Settings): void {
    this.animator.adjust(settings);
  }

  rest(): void {
    this.animator.rest();
  }

  /** The motion of a driving frame; of what came before only the first frame counts. */
  see(picture: Picture): Promise<Motion> {
    return this.animator.see(this.cut(picture));
  }

  /** That driving frame, whose motion was seen, is the first one of a stream. */
  meet(picture: Picture, seen: Motion): Promise<void> {
    return this.animator.meet(this.cut(picture), seen);
  }

  private cut(picture: Picture): Uint8Array {
    return cutTo(picture, this.framed, this.opened.engine.resolution);
  }

  /** The next frame of the stream has that motion, and is shown elsewhere. */
  follow(seen: Motion): void {
    this.animator.follow(seen);
  }

  /** The photo in the pose of the next frame of the stream, which has that motion: RGB bytes (R, R, 3). */
  async show(seen: Motion): Promise<Uint8Array> {
    const { side, photo } = this;
    const result = await this.animator.show(this.animator.follow(seen));
    const shown = photo?.cropped && shownOf(photo.framed, photo.picture, side);
    if (!shown) return result;
    const square: Picture = { data: result, width: side, height: side, stride: 3 };
    return resize(square, [side, side], { box: shown }).data as Uint8Array;
  }
}

/** Of the square that was framed in a photo, of so many `pixels` along the side, what the photo itself shows. */
function shownOf({ window }: Framed, { width, height }: Picture, pixels: number): Box | undefined {
  if (!window) return undefined;
  const { left, top, side } = window.inside([width, height], LEAST_SHOWN);
  if (side === window.side) return undefined;
  const scale = pixels / window.side;
  const [x, y] = [(left - window.left) * scale, (top - window.top) * scale];
  return [x, y, x + side * scale, y + side * scale];
}
