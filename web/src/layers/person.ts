/**
 * How a whole person moves: the face as the model's flow says, hair and hat with the head, shoulders with the neck.
 * runtime/layers/person.py says why.
 */
import { blurring } from "../detail";
import { clamp, interpolate, roundHalfEven, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { Affine, mean, minus, plus, times, type Point } from "./frames";

const { LIMP, SLOW, ROUNDS, COLLAR, NEAR, FAR, LITTLE, NAPE } = constants.person;

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
      (_, k) => 1 - smooth(this.depth(...this.own.at([k % size, Math.floor(k / size)])) / NAPE),
    );
  }

  /**
   * (f, f, 2) each: by how many pixels to look further for the head, and for the trunk behind it. `base` (f, f, 2): the same
   * for a head without an expression; `neck`: points of it; `flow` (f, f, 2): the same for the face.
   */
  move(base: ArrayLike<number>, neck: Pairs, flow: ArrayLike<number>): { head: Float64Array; trunk: Float64Array } {
    // Numbers one by one here and below, not points: this is done for every cell of every frame.
    const front = Float64Array.from(base);
    this.addFace(front, flow);
    const behind = this.steps(trunk(neck));
    const { cells, own } = this;
    const [a, b, c, d] = own.linear;
    for (let k = 0, at = 0; k < cells.length; k++, at += 2) {
      const [x, y] = [front[at], front[at + 1]];
      const [right, down] = [behind[at] - x, behind[at + 1] - y];
      const [placeX, placeY] = [cells[k][0] + x, cells[k][1] + y];
      // In the head's own frame, where a step along the way is a step, too.
      const weight = this.behind(
        a * placeX + b * placeY + own.offset[0],
        c * placeX + d * placeY + own.offset[1],
        a * right + b * down,
        c * right + d * down,
      );
      behind[at] = x + weight * right;
      behind[at + 1] = y + weight * down;
    }
    return { head: front, trunk: behind };
  }

  /** (f, f, 2): how far `map` moves every cell. */
  private steps({ linear: [a, b, c, d], offset: [e, f] }: Affine): Float64Array {
    const { cells } = this;
    const result = new Float64Array(2 * cells.length);
    for (let k = 0; k < cells.length; k++) {
      const [x, y] = cells[k];
      result[2 * k] = a * x + b * y + e - x;
      result[2 * k + 1] = c * x + d * y + f - y;
    }
    return result;
  }

  /** How much a cell behind the head, at (x, y) of the head's own frame, moves as the trunk does, which is a step away. */
  private behind(x: number, y: number, right: number, down: number): number {
    // Behind a head that sinks, the trunk stays whole; ...
    const least = smooth(this.depth(x + right, y + down));
    // ... where it rises, what a cell shows must itself belong as much to the trunk as it is moved with it.
    let weight = least;
    for (let round = 0; round < ROUNDS; round++) {
      weight = 0.5 * (weight + smooth(this.depth(x + weight * right, y + weight * down)));
    }
    return Math.max(weight, least);
  }

  /** Add to the `steps` (f, f, 2) of the head what the face's own `flow` has more; beyond the face it runs out. */
  private addFace(steps: Float64Array, flow: ArrayLike<number>): void {
    const { cells, side } = this;
    const [x, y, total] = [0, 1, 2].map(() => new Float64Array(cells.length));
    for (let k = 0, at = 0; k < cells.length; k++, at += 2) {
      const weight = this.weight(cells[k][0] + steps[at], cells[k][1] + steps[at + 1]);
      x[k] = weight * (flow[at] - steps[at]);
      y[k] = weight * (flow[at + 1] - steps[at + 1]);
      total[k] = weight;
    }
    const spread = [x, y, total].map((plane) => {
      const [near, far] = this.blurs.map((blur) => blurred(blur, plane, side));
      for (let k = 0; k < near.length; k++) near[k] += LITTLE * far[k];
      return near;
    });
    for (let k = 0, at = 0; k < cells.length; k++, at += 2) {
      const whole = spread[2][k] + 0.01;
      steps[at] += spread[0][k] / whole;
      steps[at + 1] += spread[1][k] / whole;
    }
  }

  /** Of the place (x, y) of the head's own frame: up to 0 where the head is, from 1 on where the shoulders are. */
  private depth(x: number, y: number): number {
    const { line } = this;
    return (y - interpolate(x, line.x, line.start)) / interpolate(x, line.x, line.length);
  }

  /** How much the place (x, y) of the canvas belongs to the face. */
  private weight(x: number, y: number): number {
    const last = this.size - 1;
    return this.face[clamp(roundHalfEven(y), 0, last) * this.size + clamp(roundHalfEven(x), 0, last)];
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
  for (let column = 0; column < side; column++) {
    const start = column * side;
    // Where there is no face there is nothing to carry: most of a picture.
    let [first, end] = [0, side];
    while (first < end && plane[start + first] === 0) first++;
    while (end > first && plane[start + end - 1] === 0) end--;
    if (first === end) continue;
    for (let row = 0; row < side; row++) {
      let sum = 0;
      for (let k = first; k < end; k++) sum += matrix[row * side + k] * plane[start + k];
      result[row * side + column] = sum;
    }
  }
  return result;
}
