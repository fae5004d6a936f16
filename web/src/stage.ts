/** What the worker does for the page, as one object: everything heavy behind a handful of calls. */
import { Animator, type Settings } from "./animator";
import type { Progress } from "./download";
import { cutTo, Framer, type Crop, type Framed } from "./framing";
import { openModel, type Opened, type Places } from "./model";
import type { Backend } from "./graphs";
import { Canvas } from "./layers/canvas";
import type { Mode } from "./motion";
import type { Picture } from "./picture";

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
  private framer: Framer;
  private animator: Animator;

  private constructor(private opened: Opened) {
    this.framer = new Framer(opened.engine.bundle.framing, opened.detect);
    this.animator = new Animator(opened.engine);
  }

  static async open(places: Places, progress: Progress, prefer?: Backend): Promise<Stage> {
    return new Stage(await openModel(places, progress, prefer));
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

  /** The photo in the pose of the next driving frame: RGB bytes (R, R, 3). */
  async frame(picture: Picture): Promise<Uint8Array> {
    return this.animator.frame(cutTo(picture, this.framed, this.opened.engine.resolution));
  }
}
