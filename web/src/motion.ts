/**
 * Sparse motion, and the driving modes between `motion` and `render`, as in runtime/motion/modes.py. What a mode does to a
 * parameter follows from its kind (kinds.ts).
 */
import { kindOf, USUAL_KINDS, type Parameter, type Parameters } from "./kinds";
import shared from "./shared/motion.json";

/** Motion parameters of one frame, by name; coordinates are (x, y[, z]) in [-1, 1], y down. */
export interface Motion {
  /** Row by row. */
  readonly arrays: Readonly<Record<string, Float32Array>>;
  /** What they are, by the same names. */
  readonly parameters: Parameters;
}

/**
 * `eyes` is (2, 3), the person's left and right eye: opening, and where the iris is seen from the middle of the corners
 * (towards the inner corner, and down), in widths of the eye; no graph of a bundle gives it.
 */
export const EYES = "eyes";
/**
 * `lips` is (7, 2), in the head's own frame: the left and the right corner of the mouth, the middles of the upper and the
 * lower lip's inner edges and of their outer edges, the tip of the chin; likewise.
 */
export const LIPS = "lips";
/** `head` is (40, 3): where the face mesh sees the points of `SHARES` (layers/mended.ts), and how sure that is; likewise. */
export const HEAD = "head";
/**
 * `residual` is (64, 64, 3): what points and expression do not tell of how the driver moves since the stream's first frame
 * (layers/residual.ts); likewise.
 */
export const RESIDUAL = "residual";
const LOOKED: Parameters = {
  [EYES]: { kind: USUAL_KINDS[EYES], shape: [2, 3] },
  [LIPS]: { kind: USUAL_KINDS[LIPS], shape: [7, 2] },
  [HEAD]: { kind: USUAL_KINDS[HEAD], shape: [40, 3] },
  [RESIDUAL]: { kind: USUAL_KINDS[RESIDUAL], shape: [64, 64, 3] },
};

/** The driving modes that this page does (animator.ts); those of a bundle that are not among them are not offered. */
export const MODES = ["absolute", "relative", "disentangled"] as const;
export type Mode = (typeof MODES)[number];

/** Whether the motion is counted from a reference frame on, as checkpoints/contract.py has it. */
export function isFromReference(mode: Mode): boolean {
  return shared.FROM_REFERENCE.includes(mode);
}

/** Whether the motion is in the shape of another face than the driver's own, by a graph that knows points alone. */
export function isReshaped(mode: Mode): boolean {
  return Object.hasOwn(shared.NEEDS, mode);
}

export function isMode(name: unknown): name is Mode {
  return (MODES as readonly unknown[]).includes(name);
}

/** `motion` with other `arrays` in place of those of their names. */
export function withArrays(motion: Motion, arrays: Record<string, Float32Array>): Motion {
  return { ...motion, arrays: { ...motion.arrays, ...arrays } };
}

/** `motion` with what the eyes and the lips do. */
export function withLooks(motion: Motion, eyes: ArrayLike<number>, lips: ArrayLike<number>): Motion {
  return withSeen(motion, { [EYES]: Float32Array.from(eyes), [LIPS]: Float32Array.from(lips) });
}

/** `motion` with what was seen of its driver beside it: any of `EYES`, `LIPS`, `HEAD` and `RESIDUAL`. */
export function withSeen(motion: Motion, seen: Record<string, Float32Array>): Motion {
  return { arrays: { ...motion.arrays, ...seen }, parameters: { ...motion.parameters, ...LOOKED } };
}

/** (K, 2), row by row: where its points are seen in the picture, over every parameter of the kind in order. */
export function places({ arrays, parameters }: Motion): Float32Array {
  const names = Object.keys(arrays).filter((name) => parameters[name].kind === "point");
  const flat = names.map((name) => seen(arrays[name], parameters[name].shape[1]));
  return flat.length === 1 ? flat[0] : Float32Array.from(flat.flatMap((values) => Array.from(values)));
}

/** `motion` with its points at `points` (K, 2), in the order of `places`. */
export function withPlaces(motion: Motion, points: Float32Array): Motion {
  const { arrays, parameters } = motion;
  let from = 0;
  const moved = Object.keys(arrays)
    .filter((name) => parameters[name].kind === "point")
    .map((name) => {
      const space = parameters[name].shape[1];
      return [name, arrays[name].map((value, at) => (at % space < 2 ? points[from++] : value))];
    });
  return withArrays(motion, Object.fromEntries(moved));
}

function seen(points: Float32Array, space: number): Float32Array {
  return space === 2 ? points : points.filter((_, at) => at % space < 2);
}

/** The driving motion as it is; `strength` moves from the source's own pose (0) to the driving one (1) and beyond. */
export function absolute(source: Motion, driving: Motion, strength = 1): Motion {
  return moved(driving, [source], (name, what) => {
    const [kind, here, there] = [kindOf(what), source.arrays[name], driving.arrays[name]];
    if (kind.taken) return kind.taken(here, there, strength, what);
    return strength === 1 ? there : kind.between(here, there, strength, what);
  });
}

export interface RelativeOptions {
  strength?: number;
  /** Makes a large face move a small one less. */
  adaptScale?: boolean;
}

/** The source's pose, moved as the driving frame has moved since the reference frame. */
export function relative(source: Motion, driving: Motion, reference: Motion, options: RelativeOptions = {}): Motion {
  const { strength = 1, adaptScale = true } = options;
  const scale = adaptScale ? movementScale(places(source), places(reference)) : 1;
  return moved(driving, [source, reference], (name, what) =>
    kindOf(what).since(
      source.arrays[name],
      driving.arrays[name],
      reference.arrays[name],
      { strength, scale },
      what,
    ),
  );
}

/** `driving` with what `move` gives for each of its parameters that all `others` have. */
function moved(driving: Motion, others: Motion[], move: (name: string, what: Parameter) => Float32Array): Motion {
  const names = Object.keys(driving.arrays).filter((name) => others.every(({ arrays }) => arrays[name]));
  return withArrays(driving, Object.fromEntries(names.map((name) => [name, move(name, driving.parameters[name])])));
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
