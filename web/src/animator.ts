/** One photo moved by one stream of driving frames: the `Animator` of runtime/animator.py, for squares of the model's size. */
import type { Engine, Source } from "./engine";
import type { Canvas } from "./layers/canvas";
import type { Layers } from "./layers/compose";
import { keptInside } from "./inside";
import { expression, type Expression, type Face } from "./layers/expression";
import { named, pointsOf } from "./layers/points";
import { mended } from "./layers/mended";
import { Lips } from "./layers/reference";
import { absolute, EYES, HEAD, isFromReference, isReshaped, LIPS, places, relative, withLooks, withPlaces, type Look, type Mode, type Motion } from "./motion";
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

/** A frame of a stream: its motion, smoothed, and the one that it counts from. */
export interface Step {
  driving: Motion;
  reference: Motion;
}

/** What a driving mode goes by; all motions are of one frame. */
interface Given {
  source: Motion;
  driving: Motion;
  reference: Motion;
  settings: Settings;
  disentangle: Engine["disentangle"];
}

/** The motion to render, by the driving mode. */
const MOVES: Record<Mode, (given: Given) => Motion | Promise<Motion>> = {
  absolute: ({ source, driving, settings }) => absolute(source, driving, settings.strength),
  relative: ({ source, driving, reference, settings }) => relative(source, driving, reference, settings),
  disentangled: async ({ source, driving, settings, disentangle }) =>
    absolute(source, await disentangle(source, driving), settings.strength),
};

/** A photo, ready to be moved in one size. */
export interface Scene {
  engine: Engine;
  source: Source;
  layers?: Layers;
}

export class Animator {
  private settings: Settings = DEFAULTS;
  private smooth = new OneEuro(0, 25);
  private scene?: Scene;
  private first?: Motion;
  /** What the frame before held. */
  private last?: Motion["arrays"];
  /** How far its points were from where the face mesh made them more exact, (K, 2). */
  private away?: Float32Array;
  private lips?: Lips;

  constructor(readonly engine: Engine) {}

  /** Choose what to move: RGB bytes (R, R, 3), and the `canvas` in whose middle they are where people move in layers. */
  async setSource(square: Uint8Array, canvas?: Canvas): Promise<void> {
    const source = await this.engine.encode(square);
    const looked = canvas ? await this.engine.looked(source, square) : source;
    this.take(await sceneOf(this.engine, source, canvas, looked));
    this.rest();
  }

  /** Show that `scene` from now on; the stream goes on. */
  take(scene: Scene): void {
    this.scene = scene;
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
    this.first = this.lips = this.last = this.away = undefined;
    this.smooth.reset();
  }

  /** The photo in the pose of one driving frame, both RGB bytes (R, R, 3). */
  async frame(square: Uint8Array): Promise<Uint8Array> {
    return this.show(this.follow(await this.see(square)));
  }

  /** The motion of a driving frame, RGB bytes (R, R, 3), whatever came before. */
  async see(square: Uint8Array, look: Look = "both"): Promise<Motion> {
    const found = await this.engine.detect(square);
    return this.scene?.layers?.eyes ? this.engine.withLooks(square, found, look) : found;
  }

  /**
   * What the next frame of the stream, of that motion, is to be shown as. Cheap: whoever shows only some frames of a stream
   * follows the others, too, since what comes after them counts on them.
   */
  follow(seen: Motion): Step {
    const { eyes, lips } = this.scene?.layers ?? {};
    const { [EYES]: seenEyes = this.last?.[EYES], [LIPS]: seenLips = this.last?.[LIPS], [HEAD]: head } = seen.arrays;
    // It is from before there was this photo, and nothing is known of what it was not looked at for.
    const unseen = eyes && lips && !(seenEyes && seenLips && (head || this.away));
    // What a frame was not looked at for is as it was last.
    const whole = eyes && lips ? withLooks(this.exact(seen), seenEyes ?? eyes, seenLips ?? lips) : seen;
    this.last = whole.arrays;
    const driving = this.smooth.step(whole);
    const step = { driving, reference: this.referenceOf(driving) };
    if (unseen) this.rest(); // exact points do not count from others
    return step;
  }

  /** `seen` with points made more exact by what it holds of the head; where it holds nothing, by as much as the last one. */
  private exact(seen: Motion): Motion {
    const own = places(seen);
    if (!seen.arrays[HEAD]) return this.away ? withPlaces(seen, own.map((value, k) => value + this.away![k])) : seen;
    const found = mended(seen, this.engine.bundle.names);
    this.away = places(found).map((value, k) => value - own[k]);
    return found;
  }

  /** The photo at that step of a stream: RGB bytes (R, R, 3). */
  async show({ driving, reference }: Step): Promise<Uint8Array> {
    if (!this.scene) throw new Error("there is no photo yet");
    const { engine, source, layers } = this.scene;
    const driven = await this.drive(source.motion, driving, reference);
    if (!layers) return engine.render(source, driven);
    const face = this.face(layers, driving, driven, reference);
    return layers.compose(await engine.renderDense(source, driven), places(driven), face);
  }

  /** What the next frame counts from; itself where the mode counts from none. */
  private referenceOf(driving: Motion): Motion {
    if (!isFromReference(this.settings.mode)) return this.first ?? driving;
    this.first ??= driving;
    const opening = driving.arrays[LIPS] ? this.scene?.layers?.parted : this.scene?.layers?.opening;
    if (opening === undefined) return this.first;
    this.lips ??= new Lips(this.engine.bundle.names, this.first);
    return this.lips.next(driving, opening);
  }

  /** What the face does: since the reference, where the mode counts from one, else since the source. */
  private face({ eyes, lips }: Layers, driving: Motion, driven: Motion, reference: Motion): Expression | undefined {
    if (!eyes || !lips) return undefined;
    const { mode, strength } = this.settings;
    const rest = withLooks(this.scene!.source.motion, eyes, lips);
    if (isFromReference(mode)) {
      return expression(this.faceOf(driving), this.faceOf(reference), { mouth: strength, eyes: strength, brows: strength });
    }
    // `driven` has the strength in its points already; lids, gaze and lips have it not.
    const strengths = { mouth: isReshaped(mode) ? 1 : strength, eyes: strength, brows: 1 };
    return expression(this.faceOf(driven), this.faceOf(rest), strengths, false);
  }

  private faceOf(motion: Motion): Face {
    const { [EYES]: eyes, [LIPS]: lips } = motion.arrays;
    const points = named(pointsOf(places(motion)), this.engine.bundle.names);
    // In the shape of another face than the driver's own only a model's points are known.
    return isReshaped(this.settings.mode) ? { points, eyes } : { points, eyes, lips };
  }

  private async drive(source: Motion, driving: Motion, reference: Motion): Promise<Motion> {
    const { settings, engine } = this;
    const disentangle: Given["disentangle"] = (...motions) => engine.disentangle(...motions);
    const driven = await MOVES[settings.mode]({ source, driving, reference, settings, disentangle });
    return isFromReference(settings.mode) ? keptInside(source, driven) : driven;
  }
}

/** `source` with what moves it in layers, where `canvas` shows a person; there its points are those of `looked`. */
export async function sceneOf(engine: Engine, source: Source, canvas?: Canvas, looked = source): Promise<Scene> {
  const layers = canvas && (await engine.layers(looked, canvas));
  return { engine, source: layers ? looked : source, layers };
}
