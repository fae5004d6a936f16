/** One photo moved by one stream of driving frames: the `Animator` of runtime/engine.py, for squares of the model's size. */
import type { Engine, Source } from "./engine";
import { absolute, relative, type Mode, type Motion } from "./motion";
import { OneEuro } from "./smoothing";

export interface Settings {
  mode: Mode;
  /** 0 = still, 1 = as driven, more = exaggerated. */
  strength: number;
  /** In [0, 1]. */
  smoothing: number;
  adaptScale: boolean;
}

export const DEFAULTS: Settings = { mode: "relative", strength: 1, smoothing: 0, adaptScale: true };

export class Animator {
  private settings: Settings = DEFAULTS;
  private smooth = new OneEuro(0, 25);
  private chosen?: Source;
  private reference?: Motion;

  constructor(readonly engine: Engine) {}

  /** Choose what to move: RGB bytes (R, R, 3). */
  async setSource(square: Uint8Array): Promise<void> {
    const source = await this.engine.encode(square);
    if (this.chosen) this.engine.forget(this.chosen);
    this.chosen = source;
    this.rest();
  }

  /** Start a new stream at `rate` frames a second. */
  begin(settings: Settings, rate: number): void {
    this.settings = settings;
    this.smooth = new OneEuro(settings.smoothing, rate);
    this.rest();
  }

  /** Change what may change within a stream. */
  adjust(settings: Settings): void {
    this.settings = settings;
  }

  /** Count the motion from the next frame's pose on. */
  rest(): void {
    this.reference = undefined;
    this.smooth.reset();
  }

  /** The photo in the pose of one driving frame, both RGB bytes (R, R, 3). */
  async frame(square: Uint8Array): Promise<Uint8Array> {
    if (!this.chosen) throw new Error("there is no photo yet");
    const driving = this.smooth.step(await this.engine.detect(square));
    return this.engine.render(this.chosen, await this.drive(this.chosen.motion, driving));
  }

  private async drive(source: Motion, driving: Motion): Promise<Motion> {
    const { mode, strength, adaptScale } = this.settings;
    if (mode === "relative") {
      this.reference ??= driving;
      return relative(source, driving, this.reference, { strength, adaptScale });
    }
    const pose = mode === "disentangled" ? await this.engine.disentangle(source, driving) : driving;
    return absolute(source, pose, strength);
  }
}
