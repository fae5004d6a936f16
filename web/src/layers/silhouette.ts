/** A head and shoulders as most people's are, where a face is seen and no person: runtime/layers/silhouette.py. */
import { interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import type { Affine } from "./frames";

const { SOFT, CORE, CORE_MIDDLE, LEAST } = constants.silhouette;
const HEIGHTS = constants.silhouette.OUTLINE.map(([height]) => height);
const WIDTHS = constants.silhouette.OUTLINE.map(([, width]) => width);

/**
 * The probabilities `person` (n, n) of a picture that shows a face in the frame `head`, in their cells: as they are, or,
 * where they leave out most of that face, with a usual silhouette about it.
 */
export function completed(person: Float32Array, side: number, head: Affine): Float32Array {
  const own = head.inverse();
  const places = Array.from(person, (_, k) => own.at([k % side, Math.floor(k / side)]));
  const core = places.flatMap(([x, y], k) =>
    Math.hypot((x - CORE_MIDDLE[0]) / CORE[0], (y - CORE_MIDDLE[1]) / CORE[1]) < 1 ? [person[k]] : [],
  );
  if (!core.length || core.reduce((sum, value) => sum + value, 0) / core.length >= LEAST) return person;
  return person.map((value, k) => {
    const [x, y] = places[k];
    const half = y < HEIGHTS[0] ? -1 : interpolate(y, HEIGHTS, WIDTHS);
    return Math.max(value, smooth((half - Math.abs(x)) / SOFT + 0.5));
  });
}
