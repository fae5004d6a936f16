/** Frames of reference: of a head, from its named points, and least-squares maps between sets of points. */
import type { Picture } from "../picture";
import constants from "../shared/layers.json";
import { transform } from "../transform";

export type Point = readonly [x: number, y: number];
export type Named = Readonly<Record<string, Point>>;

const TEMPLATE = constants.frames.TEMPLATE as unknown as Named;
const { FLAT } = constants.frames;

export const plus = (a: Point, b: Point): Point => [a[0] + b[0], a[1] + b[1]];
export const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
export const times = (factor: number, a: Point): Point => [factor * a[0], factor * a[1]];
export const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

export function mean(points: readonly Point[]): Point {
  return times(1 / points.length, points.reduce(plus));
}

/** x -> linear x + offset. */
export class Affine {
  constructor(
    /** (2, 2), row by row. */
    readonly linear: readonly [number, number, number, number],
    readonly offset: Point,
  ) {}

  at(point: Point): Point {
    const [a, b, c, d] = this.linear;
    return [a * point[0] + b * point[1] + this.offset[0], c * point[0] + d * point[1] + this.offset[1]];
  }

  get determinant(): number {
    const [a, b, c, d] = this.linear;
    return a * d - b * c;
  }

  /** The map back; one that has none, which points that coincide make, is nudged. */
  inverse(): Affine {
    const { determinant } = this;
    const divisor = Math.abs(determinant) < FLAT ? (determinant < 0 ? -FLAT : FLAT) : determinant;
    const [a, b, c, d] = this.linear.map((value) => value / divisor);
    return new Affine([d, -b, -c, a], [b * this.offset[1] - d * this.offset[0], c * this.offset[0] - a * this.offset[1]]);
  }

  /** RGB bytes (side, side, 3): what `picture` shows where this map takes the pixels of a square. */
  cut(picture: Picture, side: number): Uint8Array {
    const [a, b, c, d] = this.linear;
    return transform(picture, side, [a, b, this.offset[0], c, d, this.offset[1]]);
  }

  /** The map with that linear part that takes one point to another. */
  static through(linear: Affine["linear"], from: Point, to: Point): Affine {
    return new Affine(linear, minus(to, new Affine(linear, [0, 0]).at(from)));
  }

  /**
   * The least-squares map from points to points. `stiffness` pulls its linear part towards that of the best similarity,
   * as if so many times more points said so.
   */
  static fit(before: readonly Point[], after: readonly Point[], stiffness = 0): Affine {
    const similar = Affine.similarity(before, after).linear;
    const [x, y] = [centered(before), centered(after)];
    const sum = (of: (k: number) => number): number => x.reduce((total, _, k) => total + of(k), 0);
    const [xx, xy, yy] = [sum((k) => x[k][0] ** 2), sum((k) => x[k][0] * x[k][1]), sum((k) => x[k][1] ** 2)];
    const pull = (stiffness * (xx + yy)) / 2;
    const [a, d] = [xx + pull + 1e-9, yy + pull + 1e-9];
    const determinant = a * d - xy * xy;
    const rows = [0, 1].map((axis) => {
      const first = sum((k) => x[k][0] * y[k][axis]) + pull * similar[2 * axis];
      const second = sum((k) => x[k][1] * y[k][axis]) + pull * similar[2 * axis + 1];
      return [(d * first - xy * second) / determinant, (a * second - xy * first) / determinant];
    });
    return Affine.through([rows[0][0], rows[0][1], rows[1][0], rows[1][1]], mean(before), mean(after));
  }

  /** The least-squares turn, scale and shift from points to points. */
  static similarity(before: readonly Point[], after: readonly Point[]): Affine {
    const [x, y] = [centered(before), centered(after)];
    let [along, across, size] = [0, 0, 0];
    x.forEach(([px, py], k) => {
      along += px * y[k][0] + py * y[k][1];
      across += px * y[k][1] - py * y[k][0];
      size += px * px + py * py;
    });
    const [turn, lean] = [along, across].map((value) => value / Math.max(size, 1e-12));
    return Affine.through([turn, -lean, lean, turn], mean(before), mean(after));
  }
}

function centered(points: readonly Point[]): Point[] {
  const middle = mean(points);
  return points.map((point) => minus(point, middle));
}

/**
 * From the head's own frame to where named `points` lie. With `rigid` a similarity; else turned heads are seen
 * foreshortened, which the frame follows.
 */
export function headFrame(points: Named, rigid = false): Affine {
  const aim = Object.keys(TEMPLATE).map((name) => points[name]);
  const template = Object.values(TEMPLATE);
  return rigid ? Affine.similarity(template, aim) : Affine.fit(template, aim, 0.05);
}
