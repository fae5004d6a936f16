/** Lids and irises, found by MediaPipe's iris landmarks: runtime/layers/eyes.py. */
import type { Picture } from "../picture";
import constants from "../shared/layers.json";
import { Affine, distance, mean, minus, plus, times, type Point } from "./frames";
import { pointsOf } from "./points";

const { REACH, LOWER, UPPER } = constants.eyes;
export const SIDE = constants.eyes.SIDE;

/** The network: from RGB bytes (count, SIDE, SIDE, 3) to outlines (count, N, 2) and irises (count, 5, 2) in pixels. */
export type EyeNetwork = (views: Uint8Array, count: number) => Promise<{ contour: Float32Array; iris: Float32Array }>;

/** One eye in a picture; points in its pixels. */
export class Eye {
  constructor(
    /** Edge of the upper lid from the outer corner to the inner one, nine points. */
    readonly upper: Point[],
    /** The same of the lower lid. */
    readonly lower: Point[],
    /** Its middle. */
    readonly iris: Point,
    /** Of the iris. */
    readonly radius: number,
  ) {}

  get outer(): Point {
    return this.upper[0];
  }

  get inner(): Point {
    return this.upper[this.upper.length - 1];
  }

  /** Distance of its corners. */
  get width(): number {
    return distance(this.outer, this.inner);
  }

  /** Distance of the lids in the middle, in widths of the eye. */
  get opening(): number {
    return distance(mean(this.lower.slice(3, 6)), mean(this.upper.slice(3, 6))) / this.width;
  }

  /** Where the iris' middle lies from that of the corners, in widths of the eye: towards the inner corner, and down. */
  get gaze(): Point {
    const { outer, inner, width } = this;
    const along = times(1 / width, minus(inner, outer));
    const down = times(inner[0] > outer[0] ? 1 : -1, [-along[1], along[0]]);
    const place = minus(this.iris, times(0.5, plus(outer, inner)));
    const dot = (axis: Point): number => (place[0] * axis[0] + place[1] * axis[1]) / width;
    return [dot(along), dot(down)];
  }

  /** Opening and gaze, as a motion's `eyes` has them. */
  get does(): number[] {
    return [this.opening, ...this.gaze];
  }
}

/** Inner and outer corner. */
export type Corners = readonly [inner: Point, outer: Point];

/** The left and the right eye of a person in `picture`; `corners` of the left eye, then of the right, in pixels. */
export async function findEyes(picture: Picture, corners: readonly Corners[], look: EyeNetwork): Promise<Eye[]> {
  const views = corners.map((eye, index) => viewOf(eye, index === 0));
  const seen = new Uint8Array(views.length * SIDE * SIDE * 3);
  views.forEach((view, index) => seen.set(view.cut(picture, SIDE), index * SIDE * SIDE * 3));
  const { contour, iris } = await look(seen, views.length);
  return views.map((view, index) => {
    const [lids, disc] = [contour, iris].map((found) => {
      const length = found.length / views.length;
      return pointsOf(found.subarray(index * length, (index + 1) * length)).map((point) => view.at(point));
    });
    const [middle, ...rim] = disc;
    const radius = rim.reduce((sum, point) => sum + distance(point, middle), 0) / rim.length;
    return new Eye(
      UPPER.map((k) => lids[k]),
      LOWER.map((k) => lids[k]),
      middle,
      radius,
    );
  });
}

/** From the network's square to the picture: the eye in its middle, level, the outer corner to the left. */
function viewOf([inner, outer]: Corners, mirrored: boolean): Affine {
  const across = minus(inner, outer);
  const down = times(mirrored ? -1 : 1, [-across[1], across[0]]);
  const [x, y] = [times(REACH / SIDE, across), times(REACH / SIDE, down)];
  return Affine.through([x[0], y[0], x[1], y[1]], [SIDE / 2, SIDE / 2], times(0.5, plus(inner, outer)));
}
