/**
 * A head in space: the drawn people's mean one, and the camera that sees it as a picture's named points lie:
 * runtime/layers/solid.py.
 */
import head from "../shared/head.json";
import constants from "../shared/layers.json";
import type { Named, Point } from "./frames";
import { solved } from "./spline";

const { STIFF, STIFF_TOO, BROWS, NEVER, RIDGE } = constants.solid;
const WEIGHTS = Object.entries(constants.solid.WEIGHTS);

/** x to the person's left, or to the right of a picture, y down, z away. */
export type Solid = readonly [x: number, y: number, z: number];

/** The drawn people's mean head, in centimetres. */
export interface Drawn {
  /** Numbers of the `points` by their names. */
  names: ReadonlyMap<string, number>;
  points: readonly Solid[];
  /**
   * (side, side): z of what is seen from the front, at the middles of the cells of a square that begins at `corner` and is `span`
   * wide. Where nothing is seen, it lies far.
   */
  depth: Float32Array;
  side: number;
  corner: Point;
  span: number;
  /** Distance of the outer corners of the eyes. */
  unit: number;
}

let read: Drawn | undefined;

/** The head, unpacked once. */
export function drawn(): Drawn {
  if (read) return read;
  const names = new Map(head.names.map((name, index) => [name, index]));
  const points = head.points as never as Solid[];
  const { least, step, corner, span, cells } = head.depth;
  const depth = Float32Array.from(cells, (value) => least + step * value);
  const [left, right] = ["left", "right"].map((side) => points[names.get(`eye_${side}.outer`)!][0]);
  const side = Math.sqrt(cells.length);
  read = { names, points, depth, side, corner: corner as never as Point, span, unit: Math.abs(left - right) };
  return read;
}

/** How much the named point says of where the head is. */
export function weight(name: string): number {
  const stiff = STIFF.some((start) => name.startsWith(start)) || STIFF_TOO.some((end) => name.endsWith(end));
  if (!stiff || name === BROWS) return 0;
  return WEIGHTS.find(([group]) => name.startsWith(group))?.[1] ?? 1;
}

/** From space to a plane, seen from afar: turned, scaled, shifted. */
export class Camera {
  constructor(
    /** (2, 3), row by row. */
    readonly linear: readonly number[],
    readonly offset: Point,
  ) {}

  /** Where a point is seen. */
  at([x, y, z]: Solid): Point {
    const [a, b, c, d, e, f] = this.linear;
    return [a * x + b * y + c * z + this.offset[0], d * x + e * y + f * z + this.offset[1]];
  }

  /** Of a length that lies across. */
  get scale(): number {
    return Math.max(Math.sqrt(this.linear.reduce((sum, value) => sum + value * value, 0) / 2), NEVER);
  }

  /** (3, 3), row by row: from space to the camera's frame, whose z leads away from it. */
  get turn(): number[] {
    const [a, b, c, d, e, f] = this.linear.map((value) => value / this.scale);
    return [a, b, c, d, e, f, b * f - c * e, c * d - a * f, a * e - b * d];
  }

  /**
   * The one that sees `points` nearest to where they are `seen`, by least squares with `weights`: its rows made as long as
   * each other, and upright on each other. What the points leave open is as in the linear map `near` (2, 3), or nothing.
   */
  static fit(
    points: readonly Solid[],
    seen: readonly Point[],
    weights: readonly number[],
    near: readonly number[] = [0, 0, 0, 0, 0, 0],
  ): Camera {
    const shares = sharesOf(weights);
    const [middle, offset] = [weighted(points, shares), weighted(seen, shares)];
    const spread = [0, 1, 2].map(() => [0, 0, 0]);
    const aims = [0, 1, 2].map(() => [0, 0]);
    points.forEach((point, k) => {
      const x = point.map((value, axis) => value - middle[axis]);
      const y = seen[k].map((value, axis) => {
        const [a, b, c] = near.slice(3 * axis, 3 * axis + 3);
        return value - offset[axis] - (a * x[0] + b * x[1] + c * x[2]);
      });
      for (let row = 0; row < 3; row++) {
        const share = shares[k] * x[row];
        for (let column = 0; column < 3; column++) spread[row][column] += share * x[column];
        for (let column = 0; column < 2; column++) aims[row][column] += share * y[column];
      }
    });
    const ridge = RIDGE * Math.max(spread[0][0] + spread[1][1] + spread[2][2], NEVER);
    for (let k = 0; k < 3; k++) spread[k][k] += ridge;
    const loose = solved(spread, aims);
    const linear = upright([0, 1].flatMap((axis) => loose.map((row, k) => near[3 * axis + k] + row[axis])));
    const away = new Camera(linear, [0, 0]).at([middle[0], middle[1], middle[2]]);
    return new Camera(linear, [offset[0] - away[0], offset[1] - away[1]]);
  }
}

function sharesOf(weights: readonly number[]): number[] {
  const whole = Math.max(weights.reduce((sum, value) => sum + value, 0), NEVER);
  return weights.map((value) => value / whole);
}

/** The sum of `points`, each times its share. */
function weighted(points: readonly (readonly number[])[], shares: readonly number[]): number[] {
  return points[0].map((_, axis) => points.reduce((sum, point, k) => sum + shares[k] * point[axis], 0));
}

/** (2, 3): the scaled rows of a turn that are nearest to those of `linear`: its polar factor, as large. */
function upright(linear: readonly number[]): number[] {
  const dot = (one: number, other: number): number =>
    [0, 1, 2].reduce((sum, k) => sum + linear[3 * one + k] * linear[3 * other + k], 0);
  const [a, b, c] = [dot(0, 0), dot(0, 1), dot(1, 1)];
  const area = Math.sqrt(Math.max(a * c - b * b, 0));
  const size = Math.sqrt(Math.max(a + c + 2 * area, 1e-18)); // the sum of both singular values
  const [p, q, r] = [(a + area) / size, b / size, (c + area) / size];
  const factor = size / 2 / Math.max(p * r - q * q, 1e-18);
  const row = (own: number, other: number): number[] =>
    [0, 1, 2].map((k) => factor * (own * linear[k] + other * linear[3 + k]));
  return [...row(r, -q), ...row(-q, p)];
}

/** The drawn head behind a picture's named points: how deep each of them lies, as the picture sees it. */
export class Head {
  readonly names: string[];
  /** Of the drawn head. */
  readonly points: Solid[];
  /** Where they lie in the picture. */
  readonly places: Point[];
  readonly weights: number[];
  readonly camera: Camera;
  readonly middle: Solid;
  /** Away from the camera, in the picture's unit. */
  readonly depths: number[];

  /** `places` of named points, of which the drawn head has some or all. */
  constructor(places: Named) {
    const known = drawn();
    this.names = Object.keys(places).filter((name) => known.names.has(name));
    this.points = this.names.map((name) => known.points[known.names.get(name)!]);
    this.places = this.names.map((name) => places[name]);
    this.weights = this.names.map(weight);
    this.camera = Camera.fit(this.points, this.places, this.weights);
    const [x, y, z] = weighted(this.points, sharesOf(this.weights));
    this.middle = [x, y, z];
    const { scale, turn } = this.camera;
    this.depths = this.points.map(
      (point) => scale * (turn[6] * (point[0] - x) + turn[7] * (point[1] - y) + turn[8] * (point[2] - z)),
    );
  }

  /** The points in space, as the picture sees them. */
  get solid(): Solid[] {
    return this.places.map(([x, y], k): Solid => [x, y, this.depths[k]]);
  }

  /**
   * What moves the head to where its points have `places`: from space, as the picture sees it. Without `hair` points on the
   * skull, which it hides, say nothing.
   */
  moved(places: Named, hair = true): Camera {
    const weights = this.weights.map((value, k) => (hair || !this.names[k].startsWith("skull.") ? value : 0));
    return Camera.fit(
      this.solid,
      this.names.map((name) => places[name]),
      weights,
      [1, 0, 0, 0, 1, 0],
    );
  }
}
