/**
 * How a whole person moves: the face as the model's flow says, hair and hat with the head, shoulders with the neck.
 * runtime/layers/person.py says why.
 */
import { blurring } from "../detail";
import { clamp, interpolate, roundHalfEven, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { Affine, mean, minus, plus, times, type Point } from "./frames";

const { STIFF, LIMP, SLOW, ROUNDS, COLLAR, NEAR, FAR, LITTLE, NAPE } = constants.person;

/** Points in the result and in the source. */
export type Pairs = readonly [before: Point[], after: Point[]];

/** Where things are in a source picture, in pixels of its canvas. */
export interface Anatomy {
  /** From the head's own frame. */
  frame: Affine;
  /** Height of its tip in that frame. */
  chin: number;
  /** The right shoulder, the right side of the neck, its pit, and the same of the left, in that frame. */
  shoulders: Point[];
}

/** Finds for every cell of a model's flow where in the source the person is that it shows. */
export class Person {
  private side: number;
  private blurs: [Float32Array, Float32Array];
  private own: Affine;
  private line: { x: number[]; start: number[]; length: number[] };

  /**
   * `face` (c, c): how much every pixel of the canvas of `size` belongs to the face, and not to a mouth or an eye. `cells`:
   * places of the flow's cells on the canvas, row by row.
   */
  constructor(
    anatomy: Anatomy,
    private face: Float32Array,
    private size: number,
    private cells: readonly Point[],
  ) {
    this.side = Math.sqrt(cells.length);
    this.blurs = [blurring(this.side, NEAR), blurring(this.side, FAR)];
    this.own = anatomy.frame.inverse();
    // Below the chin a head ends somewhere on the neck; beside it, where the shoulders begin.
    const { shoulders, chin } = anatomy;
    const start = shoulders.map(([, y]) => y - COLLAR);
    start[2] = chin;
    for (const side of [1, 3]) start[side] = Math.max(start[side], chin - 0.1);
    this.line = {
      x: shoulders.map(([x]) => x),
      start,
      length: shoulders.map(([, y], index) => Math.max(y - start[index], 0.35)),
    };
  }

  /** (size, size): how much the pixels of the canvas belong to the head, which goes before the trunk. */
  front(): Float32Array {
    const { size } = this;
    return Float32Array.from(
      { length: size * size },
      (_, k) => 1 - smooth(this.depth([k % size, Math.floor(k / size)]) / NAPE),
    );
  }

  /**
   * (f, f, 2) each: by how many pixels to look further for the head, and for the trunk behind it. `head` and `neck`: points
   * of these; `flow` (f, f, 2): the same as the model says.
   */
  move(head: Pairs, neck: Pairs, flow: ArrayLike<number>): { head: Float64Array; trunk: Float64Array } {
    const { cells } = this;
    const [skull, body] = [Affine.fit(...head, STIFF), trunk(neck)];
    const base = cells.map((cell) => minus(skull.at(cell), cell));
    const more = this.more(base, flow);
    const found = { head: new Float64Array(2 * cells.length), trunk: new Float64Array(2 * cells.length) };
    cells.forEach((cell, k) => {
      const front = plus(base[k], more[k]);
      const way = minus(minus(body.at(cell), cell), front);
      found.head.set(front, 2 * k);
      found.trunk.set(plus(front, times(this.behind(plus(cell, front), way), way)), 2 * k);
    });
    return found;
  }

  /** How much a cell behind the head moves as the trunk does, which is a `way` from what is `above`. */
  private behind(above: Point, way: Point): number {
    // Behind a head that sinks, the trunk stays whole; ...
    const least = smooth(this.depth(plus(above, way)));
    // ... where it rises, what a cell shows must itself belong as much to the trunk as it is moved with it.
    let weight = least;
    for (let round = 0; round < ROUNDS; round++) {
      weight = 0.5 * (weight + smooth(this.depth(plus(above, times(weight, way)))));
    }
    return Math.max(weight, least);
  }

  /** What the face's own `flow` adds to `base`; beyond the face it runs out. */
  private more(base: readonly Point[], flow: ArrayLike<number>): Point[] {
    const { cells, side } = this;
    const weighted = [0, 1, 2].map(() => new Float64Array(cells.length));
    base.forEach((step, k) => {
      const weight = this.weight(plus(cells[k], step));
      weighted[0][k] = weight * (flow[2 * k] - step[0]);
      weighted[1][k] = weight * (flow[2 * k + 1] - step[1]);
      weighted[2][k] = weight;
    });
    const [x, y, total] = weighted.map((plane) => {
      const [near, far] = this.blurs.map((blur) => blurred(blur, plane, side));
      return near.map((value, k) => value + LITTLE * far[k]);
    });
    return base.map((_, k) => [x[k] / (total[k] + 0.01), y[k] / (total[k] + 0.01)]);
  }

  /** Of a place in the source: up to 0 where the head is, from 1 on where the shoulders are. */
  private depth(place: Point): number {
    const [x, y] = this.own.at(place);
    const { line } = this;
    return (y - interpolate(x, line.x, line.start)) / interpolate(x, line.x, line.length);
  }

  private weight(place: Point): number {
    const [x, y] = place.map((value) => clamp(roundHalfEven(value), 0, this.size - 1));
    return this.face[y * this.size + x];
  }
}

/** From where the trunk is in the result to where it is in the source. */
function trunk(neck: Pairs): Affine {
  const [a, b, c, d] = Affine.similarity(...neck).linear;
  const linear = [1 + LIMP * (a - 1), LIMP * b, LIMP * c, 1 + LIMP * (d - 1)] as const;
  const [before, after] = neck.map(mean);
  return Affine.through(linear, before, plus(before, times(SLOW, minus(after, before))));
}

/** `blur` times `plane` times `blur` transposed, all (side, side). */
function blurred(blur: Float32Array, plane: Float64Array, side: number): Float64Array {
  return onceAndTurned(blur, onceAndTurned(blur, plane, side), side);
}

/** `matrix` times `plane` transposed: done twice, it is a blur along both axes. */
function onceAndTurned(matrix: Float32Array, plane: Float64Array, side: number): Float64Array {
  const result = new Float64Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0;
      for (let k = 0; k < side; k++) sum += matrix[row * side + k] * plane[column * side + k];
      result[row * side + column] = sum;
    }
  }
  return result;
}
