/** What the worker does for the page, as one object: everything heavy behind a handful of calls. */
import { Animator, type Settings } from "./animator";
import { cutTo, Framer, type Crop, type Framed } from "./framing";
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
  modes: Mode[];
  backend: Backend;
  threads: number;
}

export class Stage {
  private framed: Framed = {};
  /** The part of the square that is shown, in its pixels; none where that is all of it. */
  private shown?: Box;
  private framer: Framer;
  private animator: Animator;

  private constructor(private opened: Opened) {
    const { engine } = opened;
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
    const { name, resolution, modes } = engine.bundle;
    return { name, resolution, modes, backend: runtime.backend, threads: runtime.threads };
  }

  /** Frame and encode a photo. */
  async source(picture: Picture, crop: Crop): Promise<Framed> {
    const framed = await this.framer.source(picture, crop);
    const { resolution } = this.opened.engine;
    const square = cutTo(picture, framed, resolution);
    await this.animator.setSource(square, Canvas.around(square, resolution, picture, framed.window));
    this.shown = crop === "auto" ? shownOf(framed, picture, resolution) : undefined;
    return framed;
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

  /** The motion of a driving frame, whatever came before. */
  see(picture: Picture): Promise<Motion> {
    return this.animator.see(cutTo(picture, this.framed, this.opened.engine.resolution));
  }

  /** The next frame of the stream has that motion, and is shown elsewhere. */
  follow(seen: Motion): void {
    this.animator.follow(seen);
  }

  /** The photo in the pose of the next frame of the stream, which has that motion: RGB bytes (R, R, 3). */
  async show(seen: Motion): Promise<Uint8Array> {
    const { resolution } = this.opened.engine;
    const result = await this.animator.show(this.animator.follow(seen));
    if (!this.shown) return result;
    const square: Picture = { data: result, width: resolution, height: resolution, stride: 3 };
    return resize(square, [resolution, resolution], { box: this.shown }).data as Uint8Array;
  }
}

/** Of the square that was framed in a photo, in pixels of the `resolution`, what the photo itself shows. */
function shownOf({ window }: Framed, { width, height }: Picture, resolution: number): Box | undefined {
  if (!window) return undefined;
  const { left, top, side } = window.inside([width, height], LEAST_SHOWN);
  if (side === window.side) return undefined;
  const scale = resolution / window.side;
  const [x, y] = [(left - window.left) * scale, (top - window.top) * scale];
  return [x, y, x + side * scale, y + side * scale];
}
