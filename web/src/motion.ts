/**
 * Sparse motion, and the driving modes between `motion` and `render`: the arithmetic of runtime/motion/modes.py, in single
 * precision where that is.
 */

/** Motion parameters of one frame; coordinates are (x, y) in [-1, 1], y down. */
export interface Motion {
  /** (K, 2), row by row. */
  points: Float32Array;
  /** (K, 2, 2), row = output coordinate, in families that have a linear part. */
  jacobians?: Float32Array;
  /** (K, 2, 2); handed through untouched by every mode. */
  covariances?: Float32Array;
  /**
   * (2, 3), the person's left and right eye: opening, and where the iris is seen from the middle of the corners (towards
   * the inner corner, and down), in widths of the eye; where somebody looked. Handed through likewise.
   */
  eyes?: Float32Array;
}

export const MODES = ["absolute", "relative", "disentangled"] as const;
export type Mode = (typeof MODES)[number];

const f = Math.fround;

/** The driving motion as it is; `strength` moves from the source's own pose (0) to the driving one (1) and beyond. */
export function absolute(source: Motion, driving: Motion, strength = 1): Motion {
  if (strength === 1) return driving;
  return {
    ...driving,
    points: between(source.points, driving.points, f(strength)),
    ...(driving.jacobians && source.jacobians
      ? { jacobians: between(source.jacobians, driving.jacobians, f(strength)) }
      : {}),
  };
}

function between(from: Float32Array, to: Float32Array, part: number): Float32Array {
  return from.map((value, index) => f(value + f(part * f(to[index] - value))));
}

export interface RelativeOptions {
  strength?: number;
  /** Makes a large face move a small one less. */
  adaptScale?: boolean;
}

/**
 * The source's pose, moved as the driving frame has moved since the reference frame: p = p_S + s a (p_t - p_0) and
 * J = (I + s (J_t J_0^-1 - I)) J_S, where s is the strength and a what `movementScale` says.
 */
export function relative(source: Motion, driving: Motion, reference: Motion, options: RelativeOptions = {}): Motion {
  const { strength = 1, adaptScale = true } = options;
  const scale = f(strength * (adaptScale ? movementScale(source.points, reference.points) : 1));
  const points = source.points.map((value, index) =>
    f(value + f(scale * f(driving.points[index] - reference.points[index]))),
  );
  if (!driving.jacobians || !source.jacobians || !reference.jacobians) return { ...driving, points };
  const jacobians = turned(source.jacobians, driving.jacobians, reference.jacobians, strength);
  return { ...driving, points, jacobians };
}

function turned(source: Float32Array, driving: Float32Array, reference: Float32Array, strength: number): Float32Array {
  const result = new Float32Array(source.length);
  for (let at = 0; at < source.length; at += 4) {
    const moved = product(driving.subarray(at, at + 4), inverse(reference.subarray(at, at + 4)));
    const scaled = moved.map((value, place) => {
      const unit = place === 0 || place === 3 ? 1 : 0;
      return unit + strength * (value - unit);
    });
    result.set(product(scaled, source.subarray(at, at + 4)), at);
  }
  return result;
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  return [
    a[0] * b[0] + a[1] * b[2],
    a[0] * b[1] + a[1] * b[3],
    a[2] * b[0] + a[3] * b[2],
    a[2] * b[1] + a[3] * b[3],
  ];
}

/** Of a 2x2 matrix; a singular one, which no trained detector gives, is nudged. */
function inverse([a, b, c, d]: Float32Array): number[] {
  let determinant = a * d - b * c;
  if (Math.abs(determinant) < 1e-12) determinant = determinant < 0 || Object.is(determinant, -0) ? -1e-12 : 1e-12;
  return [d, -b, -c, a].map((value) => value / determinant);
}

/** Square root of the ratio of the convex hulls' areas of two sets of points; 1 where either has no area. */
export function movementScale(source: Float32Array, reference: Float32Array): number {
  const [area, other] = [hullArea(source), hullArea(reference)];
  return Math.min(area, other) < 1e-8 ? 1 : Math.sqrt(area / other);
}

/** Area of the convex hull of points (K, 2), by Andrew's monotone chain; 0 for fewer than three. */
export function hullArea(points: ArrayLike<number>): number {
  const places = Array.from({ length: points.length / 2 }, (_, k) => [points[2 * k], points[2 * k + 1]]);
  places.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  const distinct = places.filter(([x, y], k) => k === 0 || x !== places[k - 1][0] || y !== places[k - 1][1]);
  if (distinct.length < 3) return 0;
  const hull = [...chain(distinct).slice(0, -1), ...chain(distinct.reverse()).slice(0, -1)];
  let twice = 0;
  hull.forEach(([x, y], k) => {
    const [before, above] = hull[(k + hull.length - 1) % hull.length];
    twice += x * above - y * before;
  });
  return Math.abs(twice) / 2;
}

function chain(ordered: number[][]): number[][] {
  const found: number[][] = [];
  for (const [x, y] of ordered) {
    while (found.length > 1) {
      const [[ax, ay], [bx, by]] = found.slice(-2);
      if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0) break;
      found.pop();
    }
    found.push([x, y]);
  }
  return found;
}
