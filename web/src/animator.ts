/** One photo moved by one stream of driving frames: the `Animator` of runtime/animator.py, for squares of the model's size. */
import type { Engine, Source } from "./engine";
import type { Canvas } from "./layers/canvas";
import type { Layers } from "./layers/compose";
import { keptInside } from "./inside";
import { expression, type Expression, type Face } from "./layers/expression";
import { named, pointsOf } from "./layers/points";
import { mended } from "./layers/mended";
import { Awakening } from "./layers/awake";
import { Lips } from "./layers/reference";
import { CELLS, PARTS, type Driver } from "./layers/residual";
import {
  absolute,
  EYES,
  isFromReference,
  isReshaped,
  LIPS,
  places,
  relative,
  RESIDUAL,
  withLooks,
  withSeen,
  type Mode,
  type Motion,
} from "./motion";
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
  /** The first frame of the stream, as it was seen, and what finds in others what points do not tell. */
  private met?: { first: Motion; driver?: Driver };
  private lips?: Lips;
  private eyes?: Awakening;

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
    this.first = this.lips = this.eyes = this.met = undefined;
    this.smooth.reset();
  }

  /** The photo in the pose of one driving frame, both RGB bytes (R, R, 3). */
  async frame(square: Uint8Array): Promise<Uint8Array> {
    const seen = await this.see(square);
    if (!this.met) await this.meet(square, seen);
    return this.show(this.follow(seen));
  }

  /**
   * The motion of a driving frame, RGB bytes (R, R, 3), with what it does that its points do not tell since the first one of
   * the stream, once that was met; whatever came between.
   */
  async see(square: Uint8Array): Promise<Motion> {
    const found = await this.engine.detect(square);
    if (!this.scene?.layers?.eyes) return found;
    const looked = await this.engine.withLooks(square, found);
    return withSeen(looked, { [RESIDUAL]: await this.missed(square, looked) });
  }

  /** The stream begins with the frame `square`, whose motion was seen: others are compared with its driver. */
  async meet(square: Uint8Array, seen: Motion): Promise<void> {
    if (!seen.arrays[EYES]) return;
    const first = mended(seen, this.engine.bundle.names);
    this.met = { first, driver: await this.engine.driver(square, first) };
  }

  /** What points and looks do not tell of a frame: nothing where no driver was met. */
  private async missed(square: Uint8Array, looked: Motion): Promise<Float32Array> {
    if (!this.met?.driver) return new Float32Array(PARTS * CELLS * CELLS);
    const { driver, first } = this.met;
    const motion = mended(looked, this.engine.bundle.names);
    const face = (one: Motion): Face => ({ ...this.faceOf(one), lips: one.arrays[LIPS] });
    const does = expression(face(motion), face(first), { mouth: 1, eyes: 1, brows: 1 }, false);
    return driver.missed(square, places(motion), does);
  }

  /**
   * What the next frame of the stream, of that motion, is to be shown as. Cheap: whoever shows only some frames of a stream
   * follows the others, too, since what comes after them counts on them.
   */
  follow(seen: Motion): Step {
    const { eyes, lips } = this.scene?.layers ?? {};
    const { [EYES]: seenEyes, [LIPS]: seenLips } = seen.arrays;
    let whole = seen;
    // Of one that is from before there was this photo nothing is known: its face is the photo's.
    if (eyes && lips) whole = withLooks(mended(seen, this.engine.bundle.names), seenEyes ?? eyes, seenLips ?? lips);
    const driving = this.smooth.step(whole);
    const step = { driving, reference: this.referenceOf(driving) };
    if (eyes && !seenEyes) this.rest(); // exact points do not count from others
    return step;
  }

  /** The photo at that step of a stream: RGB bytes (R, R, 3). */
  async show({ driving, reference }: Step): Promise<Uint8Array> {
    if (!this.scene) throw new Error("there is no photo yet");
    const { engine, source, layers } = this.scene;
    const driven = await this.drive(source.motion, driving, reference);
    if (!layers) return engine.render(source, driven);
    const face = this.face(layers, driving, driven, reference);
    const { [RESIDUAL]: residual } = driven.arrays;
    // Where the driver is watched, points lead the face, and no model is asked.
    const made = residual ? undefined : await engine.renderDense(source, driven);
    return layers.compose(made, places(driven), face, residual);
  }

  /** What the next frame counts from; itself where the mode counts from none. */
  private referenceOf(driving: Motion): Motion {
    if (!isFromReference(this.settings.mode)) return this.first ?? driving;
    this.first ??= driving;
    const opening = driving.arrays[LIPS] ? this.scene?.layers?.parted : this.scene?.layers?.opening;
    if (opening === undefined) return this.first;
    this.lips ??= new Lips(this.engine.bundle.names, this.first);
    this.eyes ??= new Awakening(this.first);
    return this.eyes.next(driving, this.lips.next(driving, opening));
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
    const head = this.faceOf(driving).points;
    return expression({ ...this.faceOf(driven), head }, this.faceOf(rest), strengths, false);
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
    const { [RESIDUAL]: residual } = driving.arrays;
    // A picture by itself does not move.
    const still = residual ? withSeen(source, { [RESIDUAL]: new Float32Array(residual.length) }) : source;
    const driven = await MOVES[settings.mode]({ source: still, driving, reference, settings, disentangle });
    return isFromReference(settings.mode) ? keptInside(still, driven, this.scene?.layers) : driven;
  }
}

/** `source` with what moves it in layers, where `canvas` shows a person; there its points are those of `looked`. */
export async function sceneOf(engine: Engine, source: Source, canvas?: Canvas, looked = source): Promise<Scene> {
  const layers = canvas && (await engine.layers(looked, canvas));
  return { engine, source: layers ? looked : source, layers };
}
