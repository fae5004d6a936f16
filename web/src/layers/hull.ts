/** The convex hull of points as a picture: `_hull` of runtime/layers/anatomy.py, as Pillow draws polygons. */
import { interpolate } from "../numbers";
import { mean, minus, plus, times, type Point } from "./frames";

/** (size, size): 1 in the convex hull of `points`, a little widened. */
export function hullOf(points: readonly Point[], size: number): Float32Array {
  const middle = mean(points);
  const around = points.map((point) => plus(middle, times(1.04, minus(point, middle))));
  // The farthest point in every direction: the hull's corners in order.
  const edge = Array.from({ length: 64 }, (_, k) => {
    const [x, y] = [Math.cos((2 * Math.PI * k) / 64), Math.sin((2 * Math.PI * k) / 64)];
    const far = around.map((point) => point[0] * x + point[1] * y);
    return around[far.indexOf(Math.max(...far))];
  });
  return convex(
    edge.map(([x, y]) => [Math.trunc(x), Math.trunc(y)]),
    size,
  );
}

/** (size, size): 1 in the polygon with these corners in whole pixels, which has no dents. */
function convex(corners: readonly Point[], size: number): Float32Array {
  const result = new Float32Array(size * size);
  const edges = corners.map((from, k) =>
    [from, corners[(k + 1) % corners.length]].sort((one, other) => one[1] - other[1]),
  );
  for (let row = 0; row < size; row++) {
    const crossed = edges.flatMap(([[x0, low], [x1, high]]) => {
      if (row < low || row > high) return [];
      return low === high ? [x0, x1] : [interpolate(row, [low, high], [x0, x1])];
    });
    if (!crossed.length) continue;
    const [left, right] = [Math.min(...crossed), Math.max(...crossed)];
    const [first, last] = [Math.max(Math.floor(left + 0.5), 0), Math.min(Math.ceil(right - 0.5), size - 1)];
    if (first <= last) result.fill(1, row * size + first, row * size + last + 1);
  }
  return result;
}
