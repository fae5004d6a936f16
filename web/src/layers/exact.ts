/** A model's flow, led through its own points: runtime/layers/exact.py says why. */
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import type { Point } from "./frames";

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
    const missing = [0, 1].map((axis) => at.map(([x, y], n) => wanted[n][axis] - between(result, side, x, y, axis)));
    for (const axis of [0, 1]) {
      const added = spread(side, bells, missing[axis]);
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

/** What number `axis` of `flow` (side, side, 2) is at (x, y) between its cells; beyond its border as at it. */
export function between(flow: Float64Array, side: number, x: number, y: number, axis: number): number {
  const [across, down] = [clamp(x, 0, side - 1), clamp(y, 0, side - 1)];
  const [left, top] = [Math.min(Math.floor(across), side - 2), Math.min(Math.floor(down), side - 2)];
  const first = 2 * (top * side + left) + axis;
  const next = first + 2 * side;
  const above = flow[first] + (across - left) * (flow[first + 2] - flow[first]);
  const below = flow[next] + (across - left) * (flow[next + 2] - flow[next]);
  return above + (down - top) * (below - above);
}
