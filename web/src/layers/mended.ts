/** A model's points, made more exact by what the face mesh sees: runtime/layers/mended.py says why. */
import { HEAD, places, withPlaces, type Motion } from "../motion";
import { smooth } from "../numbers";
import constants from "../shared/layers.json";
import { distance, minus, plus, times, type Named, type Point } from "./frames";
import { MIN_SCORE, type Look } from "./mesh";
import type { Names } from "./points";

const { ASTRAY } = constants.mended;
/** Probability of a face from which on it is one beyond doubt. */
export const { SURE } = constants.mended;

/**
 * Named points that the mesh tells of, in the order in which its network gives them, and what it counts in the average. A
 * model need not have them all.
 */
export const SHARES: readonly (readonly [name: string, share: number])[] = Object.entries(constants.mended.SHARES);

/** (40, 3), row by row: where the mesh sees the points of `SHARES`, and how sure that is, from 0 to 1. */
export type Head = ArrayLike<number>;

/**
 * Where the mesh of a `look` sees the head, in pixels. `face`: the model's own points; where these tell more, or nothing
 * else is known, they are given, not sure at all.
 */
export function seeHead(face: Named, look?: Look): Float64Array {
  if (!look) return rows(SHARES.map(([name]) => face[name] ?? [0, 0]), 0);
  const eyes = distance(face["eye_left.outer"], face["eye_right.outer"]);
  const known = [...SHARES.keys()].filter((k) => SHARES[k][0] in face);
  const squares = known.reduce((sum, k) => sum + distance(look.head[k], face[SHARES[k][0]]) ** 2, 0);
  const apart = Math.sqrt(squares / known.length) / Math.max(eyes, 1e-6);
  const [low, high] = ASTRAY;
  const alike = 1 - smooth((apart - low) / (high - low));
  return rows(look.head, alike * smooth((look.score - MIN_SCORE) / (SURE - MIN_SCORE)));
}

function rows(points: readonly Point[], sure: number): Float64Array {
  return Float64Array.from(points.flatMap((point) => [...point, sure]));
}

/** The named points of `face`, those of `SHARES` averaged with where `head` has them. */
export function averaged(face: Named, head: Head): Named {
  const found = { ...face };
  SHARES.forEach(([name, share], k) => {
    if (!(name in face)) return;
    const way = minus([head[3 * k], head[3 * k + 1]], face[name]);
    found[name] = plus(face[name], times(share * head[3 * k + 2], way));
  });
  return found;
}

/**
 * `motion`, whose points have `names`, with its points averaged with what it holds of the head, as `averaged` does; as it is
 * where it holds nothing of it.
 */
export function mended(motion: Motion, names: Names): Motion {
  const { [HEAD]: head, ...rest } = motion.arrays;
  if (!head) return motion;
  const points = Float32Array.from(places(motion));
  SHARES.forEach(([name, share], k) => {
    if (!(name in names)) return;
    for (const axis of [0, 1]) {
      const at = 2 * names[name] + axis;
      points[at] += share * head[3 * k + 2] * (head[3 * k + axis] - points[at]);
    }
  });
  return withPlaces({ ...motion, arrays: rest }, points);
}

/** The `head` in pixels of a square of that `size`, its places in [-1, 1]. */
export function asArray(head: Head, size: number): Float32Array {
  return Float32Array.from(head, (value, k) => (k % 3 === 2 ? value : (value / (size - 1)) * 2 - 1));
}
