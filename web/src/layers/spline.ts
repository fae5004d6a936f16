/** A thin-plate spline through noisy point pairs, the smoothest map that leads near to all: runtime/layers/spline.py. */
import { distance, mean, minus, times, type Affine, type Point } from "./frames";

/** A map of the plane: an affine one, and what bends it. Far from its points it goes on as it leads there. */
export class ThinPlate {
  private middle: Point;
  private unit: number;
  private knots: Point[];
  /** Of every knot, and of 1, x and y: (K + 3, 2). */
  private weights: number[][];

  /**
   * From points near to points, beside what `base` maps; the more `ease`, the straighter. What `ease` does depends on neither
   * the points' number nor their unit.
   */
  constructor(
    before: readonly Point[],
    after: readonly Point[],
    private base: Affine,
    ease: number,
  ) {
    this.middle = mean(before);
    const squares = before.reduce((sum, point) => sum + distance(point, this.middle) ** 2, 0);
    this.unit = Math.max(Math.sqrt(squares / before.length), 1e-6);
    this.knots = before.map((point) => times(1 / this.unit, minus(point, this.middle)));
    const bends = this.knots.map(([x, y], k) =>
      this.knots.map((knot, other) => bent((x - knot[0]) ** 2 + (y - knot[1]) ** 2) + (k === other ? ease : 0)),
    );
    // Points on one line, or on one spot, leave a turn open: then it is none.
    const open = (row: number): number[] => [0, 1, 2].map((column) => (row === column ? -1e-9 : 0));
    const straight = [this.knots.map(() => 1), this.knots.map(([x]) => x), this.knots.map(([, y]) => y)];
    const system = [
      ...bends.map((row, k) => [...row, ...straight.map((values) => values[k])]),
      ...straight.map((values, row) => [...values, ...open(row)]),
    ];
    const missing = before.map((point, k) => times(1 / this.unit, minus(after[k], base.at(point))));
    this.weights = solved(system, [...missing.map((way) => [...way]), [0, 0], [0, 0], [0, 0]]);
  }

  /** (K, 2), row by row: how far it moves every one of the `places`. Plain loops: the time goes here. */
  steps(places: readonly Point[]): Float64Array {
    const { base, middle, unit, weights } = this;
    const count = this.knots.length;
    const knots = Float64Array.from(this.knots.flat());
    const pulls = Float64Array.from(weights.flat());
    const [a, b, c, d] = base.linear;
    const result = new Float64Array(2 * places.length);
    for (let at = 0; at < places.length; at++) {
      const [placeX, placeY] = places[at];
      const [x, y] = [(placeX - middle[0]) / unit, (placeY - middle[1]) / unit];
      let right = pulls[2 * count] + x * pulls[2 * count + 2] + y * pulls[2 * count + 4];
      let down = pulls[2 * count + 1] + x * pulls[2 * count + 3] + y * pulls[2 * count + 5];
      for (let k = 0; k < 2 * count; k += 2) {
        const [across, along] = [x - knots[k], y - knots[k + 1]];
        const bend = bent(across * across + along * along);
        right += bend * pulls[k];
        down += bend * pulls[k + 1];
      }
      result[2 * at] = a * placeX + b * placeY + base.offset[0] + unit * right - placeX;
      result[2 * at + 1] = c * placeX + d * placeY + base.offset[1] + unit * down - placeY;
    }
    return result;
  }
}

/** r^2 log r of a squared distance. */
function bent(square: number): number {
  return 0.5 * square * Math.log(square + 1e-9);
}

/** What the square `matrix` leads to the columns `aims`, by elimination with pivots. Both are used up. */
export function solved(matrix: number[][], aims: number[][]): number[][] {
  const count = matrix.length;
  for (let k = 0; k < count; k++) {
    let pivot = k;
    for (let row = k + 1; row < count; row++) if (Math.abs(matrix[row][k]) > Math.abs(matrix[pivot][k])) pivot = row;
    [matrix[k], matrix[pivot]] = [matrix[pivot], matrix[k]];
    [aims[k], aims[pivot]] = [aims[pivot], aims[k]];
    for (let row = k + 1; row < count; row++) {
      const share = matrix[row][k] / matrix[k][k];
      if (!share) continue;
      for (let column = k; column < count; column++) matrix[row][column] -= share * matrix[k][column];
      for (let column = 0; column < aims[row].length; column++) aims[row][column] -= share * aims[k][column];
    }
  }
  const found: number[][] = new Array(count);
  for (let k = count - 1; k >= 0; k--) {
    found[k] = aims[k].map((aim, column) => {
      let rest = aim;
      for (let later = k + 1; later < count; later++) rest -= matrix[k][later] * found[later][column];
      return rest / matrix[k][k];
    });
  }
  return found;
}
