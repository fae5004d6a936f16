/**
 * What a driver does that the points do not tell, found by moving the driver's own picture, and handed on:
 * runtime/layers/residual.py says how.
 */
import { clamp, smooth } from "../numbers";
import constants from "../shared/layers.json";
import type { Expression } from "./expression";
import { between } from "./exact";
import { headFrame, type Affine, type Named, type Point } from "./frames";
import { named, pixelsOf, type Names } from "./points";

const { CORNER, SPAN, FACE, FACE_AT, LIPS, CLOSED, MARGIN, WIDTH, EDGE, MOST } = constants.residual;
/** Cells of a residual, and pixels in which pictures are compared, along a side; side of the picture of a driver. */
export const { CELLS, SIDE, DRIVER } = constants.residual;

/** Numbers of each cell: x and y of the way, and the logarithm of how much lighter it is there. */
export const PARTS = 3;

/** A picture out of layers, RGB bytes, and where in it the person is. */
export interface Laid {
  picture: Uint8Array;
  alpha: Float32Array;
}

/**
 * Two pictures, RGB bytes (size, size, 3), where in the second one somebody is, and where and how much they are to be compared:
 * (SIDE, SIDE, 2), (SIDE, SIDE).
 */
export interface Compared {
  seen: Uint8Array;
  told: Uint8Array;
  alpha: Float32Array;
  look: Float32Array;
  weight: Float32Array;
  face: Float32Array;
}

/**
 * Finds how `told` must be moved to be `seen`: (CELLS, CELLS, 2), in parts of what is covered; and how much lighter that is,
 * the logarithm of it: (CELLS, CELLS).
 */
export type Registration = (pictures: Compared) => Promise<{ residual: Float32Array; light: Float32Array }>;

/** What moves the driver's picture: `Layers`. */
export interface Moving {
  apart(points: ArrayLike<number>, face?: Expression): Promise<Laid>;
}

/** Middles of the `side` by `side` cells of what a residual covers, row by row, in a head's own frame. */
export function covered(side: number): Point[] {
  const at = (cell: number): number => ((cell + 0.5) / side) * SPAN;
  return Array.from({ length: side * side }, (_, k) => [CORNER[0] + at(k % side), CORNER[1] + at(Math.floor(k / side))]);
}

const COVERED = covered(SIDE);
const ON_FACE = Float32Array.from(COVERED, (at) => blob(at, FACE_AT as never, FACE as never));

/** 1 in an ellipse, and outside 0, eased over a part of its `axes`. */
function blob(at: Point, middle: Point, axes: Point): number {
  const edge = 0.4;
  return clamp((1 + edge - Math.hypot((at[0] - middle[0]) / axes[0], (at[1] - middle[1]) / axes[1])) / edge, 0, 1);
}

/** A driver's own picture, moved as far as points and expression say. */
export class Driver {
  /** `layers`: of the driver's picture, DRIVER pixels a side, whose points have `names`. */
  constructor(
    private layers: Moving,
    private names: Names,
    private registration: Registration,
  ) {}

  /**
   * (CELLS, CELLS, 3): by how much further than `points` (K, 2) in [-1, 1] and the expression `face` say the driver's picture
   * must be moved to be the `frame`, RGB bytes; backward, x and y in the head's own frame; and the logarithm of by how much
   * lighter the frame is there.
   */
  async missed(frame: Uint8Array, points: ArrayLike<number>, face: Expression): Promise<Float32Array> {
    const { picture: told, alpha } = await this.layers.apart(points, face);
    const size = Math.sqrt(frame.length / 3);
    const seen = named(pixelsOf(points, size), this.names);
    const head = headFrame(seen, true);
    const mouth = mouthOf(seen, head);
    const look = new Float32Array(2 * COVERED.length);
    const weight = new Float32Array(COVERED.length);
    COVERED.forEach((place, k) => {
      const [x, y] = head.at(place).map((value) => (2 * value + 1) / size - 1);
      look[2 * k] = x;
      look[2 * k + 1] = y;
      const inside = smooth((1 - Math.max(Math.abs(x), Math.abs(y))) / (2 * EDGE));
      weight[k] = inside * (1 - blob(place, ...mouth));
    });
    const { residual, light } = await this.registration({ seen: frame, told, alpha, look, weight, face: ON_FACE });
    return Float32Array.from({ length: PARTS * light.length }, (_, at) => {
      const [cell, part] = [Math.floor(at / PARTS), at % PARTS];
      return part === 2 ? light[cell] : residual[2 * cell + part] * SPAN;
    });
  }
}

/** Middle and half axes of where lips part: teeth that are not the driver's own tell nothing. */
function mouthOf(face: Named, head: Affine): [middle: Point, axes: Point] {
  const own = head.inverse();
  const [right, left, upper, lower] = LIPS.map((name) => own.at(face[name]));
  const half = Math.max(lower[1] - upper[1] - CLOSED, 0) / 2 + MARGIN;
  const middle = [0, 1].map((axis) => (right[axis] + left[axis] + upper[axis] + lower[axis]) / 4);
  return [[middle[0], middle[1]], [WIDTH * Math.abs(left[0] - right[0]), half]];
}

/**
 * (f, f, 2) and (f, f): the way and the light of the `residual` at `places` of a picture in which `head` leads from the head's
 * own frame; nothing beyond what it covers.
 */
export function handedOn(
  residual: ArrayLike<number>,
  head: Affine,
  places: readonly Point[],
): { way: Float64Array; light: Float64Array } {
  const [own, side] = [head.inverse(), CELLS + 2];
  // Two numbers a place, as `between` takes them.
  const [ways, lights] = [new Float64Array(2 * side * side), new Float64Array(2 * side * side)];
  for (let cell = 0; cell < CELLS * CELLS; cell++) {
    const to = 2 * (side * (Math.floor(cell / CELLS) + 1) + 1 + (cell % CELLS));
    for (const axis of [0, 1]) ways[to + axis] = clamp(residual[PARTS * cell + axis], -SPAN, SPAN);
    lights[to] = clamp(residual[PARTS * cell + 2], -MOST, MOST);
  }
  const [a, b, c, d] = head.linear;
  const way = new Float64Array(2 * places.length);
  const light = new Float64Array(places.length);
  for (let k = 0; k < places.length; k++) {
    const at = own.at(places[k]);
    const [x, y] = [0, 1].map((axis) => ((at[axis] - CORNER[axis]) / SPAN) * CELLS + 0.5);
    const [right, down] = [between(ways, side, x, y, 0), between(ways, side, x, y, 1)];
    way[2 * k] = a * right + b * down;
    way[2 * k + 1] = c * right + d * down;
    light[k] = between(lights, side, x, y, 0);
  }
  return { way, light };
}

/**
 * `flow` (f, f, 2), looked up by `way` (f, f, 2) further on, and that `way` with it: what goes first one way and then the
 * other. Places of its `cells` are in the same unit.
 */
export function added(flow: Float64Array, cells: readonly Point[], way: Float64Array): Float64Array {
  const [side, step, [left, top]] = [Math.sqrt(cells.length), cells[1][0] - cells[0][0], cells[0]];
  return Float64Array.from(way, (value, at) => {
    const k = at >> 1;
    const [x, y] = [(cells[k][0] + way[2 * k] - left) / step, (cells[k][1] + way[2 * k + 1] - top) / step];
    return between(flow, side, x, y, at & 1) + value;
  });
}
