/** A model's flow, led through its own points: runtime/layers/exact.py says why. */
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import { minus, type Point } from "./frames";

const { ROUNDS, FAINT } = constants.exact;
/** Below this nothing of a Gaussian is left that counts. */
const NOTHING = 1e-10;

/**
 * `flow` (f, f, 2), changed so that it is `wanted` at the places `at`, in cells (x, y) from its first one. What is added runs
 * out over a distance of `reach` cells (a Gaussian's deviation).
 */
export function through(
  flow: ArrayLike<number>,
  at: readonly Point[],
  wanted: readonly Point[],
  reach: number,
): Float64Array {
  const side = Math.sqrt(flow.length / 2);
  const bell = (place: number): Float64Array =>
    Float64Array.from({ length: side }, (_, cell) => {
      const value = Math.exp(-((cell - place) ** 2) / (2 * reach ** 2));
      return value > NOTHING ? value : 0;
    });
  const bells = at.map(([x, y]) => [bell(x), bell(y)] as const);
  const weight = spread(side, bells, at.map(() => 1)).map((value) => value + FAINT);
  const result = Float64Array.from(flow);
  for (let round = 0; round < ROUNDS; round++) {
    const missing = at.map((place, n) => minus(wanted[n], between(result, side, place)));
    for (const axis of [0, 1]) {
      const added = spread(side, bells, missing.map((way) => way[axis]));
      for (let k = 0; k < added.length; k++) result[2 * k + axis] += added[k] / weight[k];
    }
  }
  return result;
}

/** Along the columns and along the rows. */
type Bells = readonly [across: Float64Array, down: Float64Array];

/** (side, side): the sum of `amounts`, each times its `bells`. Plain loops: the time goes here. */
function spread(side: number, bells: readonly Bells[], amounts: readonly number[]): Float64Array {
  const sum = new Float64Array(side * side);
  for (let n = 0; n < bells.length; n++) {
    const [across, down] = bells[n];
    for (let row = 0; row < side; row++) {
      const amount = amounts[n] * down[row];
      if (!amount) continue;
      for (let column = 0, k = row * side; column < side; column++, k++) sum[k] += amount * across[column];
    }
  }
  return sum;
}

/** What `flow` (side, side, 2) is at a place between its cells. */
function between(flow: Float64Array, side: number, place: Point): Point {
  const [x, y] = place.map((value) => clamp(value, 0, side - 1));
  const [left, top] = [x, y].map((value) => Math.min(Math.floor(value), side - 2));
  const value = (axis: number): number => {
    const [above, below] = [top, top + 1].map((row) => {
      const first = 2 * (row * side + left) + axis;
      return flow[first] + (x - left) * (flow[first + 2] - flow[first]);
    });
    return above + (y - top) * (below - above);
  };
  return [value(0), value(1)];
}
