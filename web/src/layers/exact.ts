/** A model's flow, led through its own points: runtime/layers/exact.py says why. */
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import { minus, type Point } from "./frames";

const { ROUNDS, FAINT } = constants.exact;

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
    Float64Array.from({ length: side }, (_, cell) => Math.exp(-((cell - place) ** 2) / (2 * reach ** 2)));
  const bells = at.map(([x, y]) => [bell(x), bell(y)] as const);
  const weights = new Float64Array(side * side).fill(FAINT);
  for (const [across, down] of bells) {
    for (let k = 0; k < weights.length; k++) weights[k] += down[Math.floor(k / side)] * across[k % side];
  }
  const result = Float64Array.from(flow);
  for (let round = 0; round < ROUNDS; round++) {
    const missing = at.map((place, n) => minus(wanted[n], between(result, side, place)));
    for (let row = 0, k = 0; row < side; row++) {
      const rows = missing.map(([x, y], n) => [x * bells[n][1][row], y * bells[n][1][row]]);
      for (let column = 0; column < side; column++, k++) {
        for (const axis of [0, 1]) {
          const added = rows.reduce((sum, part, n) => sum + part[axis] * bells[n][0][column], 0);
          result[2 * k + axis] += added / weights[k];
        }
      }
    }
  }
  return result;
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
