/** Points out of a model's numbers, by their names. */
import type { Named, Point } from "./frames";

/** Numbers of the points by their names. */
export type Names = Readonly<Record<string, number>>;

/** (K, 2), row by row, as pairs. */
export function pointsOf(values: ArrayLike<number>): Point[] {
  return Array.from({ length: values.length / 2 }, (_, k) => [values[2 * k], values[2 * k + 1]] as const);
}

/** The `points` by their names. */
export function named(points: readonly Point[], names: Names): Named {
  return Object.fromEntries(Object.entries(names).map(([name, index]) => [name, points[index]]));
}

/** Pixels, in a picture of that `side`, of a model's points (K, 2) in [-1, 1]. */
export function pixelsOf(points: ArrayLike<number>, side: number): Point[] {
  return pointsOf(points).map(([x, y]) => [((x + 1) / 2) * (side - 1), ((y + 1) / 2) * (side - 1)]);
}
