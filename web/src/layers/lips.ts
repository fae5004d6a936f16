/** What lips and chin do in a frame, seven places in the head's own frame, by the face mesh: runtime/layers/lips.py. */
import { clamp, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { distance, headFrame, mean, plus, type Affine, type Named, type Point } from "./frames";
import { CHIN, linesOf, type Look, type Mesh } from "./mesh";

/** Corners of the mouth (of the person), middles of the lips' inner edges and of their outer ones, tip of the chin. */
export const { LEFT, RIGHT, UPPER, LOWER, RIM_UPPER, RIM_LOWER, TIP, JAW } = constants.lips;
const { MIDDLE, ASTRAY, TOGETHER, SHUT, WIDER, AT_MOST, OUTER, INNER } = constants.lips;

/** (7, 2), row by row: see `LEFT` and the others. */
export type Places = ArrayLike<number>;

/**
 * What the lips of a face do. `face`: named points, in the pixels in which the mesh's `look` has its own. By these points
 * alone where it sees no face, or another mouth.
 */
export function seeMouth(face: Named, look?: Look): Float64Array {
  const own = headFrame(face).inverse();
  const known = plain(face, own);
  if (!look) return flat(known);
  const seen = ofMesh(look.points.map((point) => own.at(point)));
  seen[TIP] = mean([seen[TIP], known[TIP]]); // two looks are calmer than one
  const astray = Math.max(...[LEFT, RIGHT].map((end) => distance(seen[end], known[end])));
  return flat(astray < ASTRAY ? seen : known);
}

/** The seven places of a mesh in the head's own frame. */
export function ofMesh(mesh: Mesh): Point[] {
  const lines = linesOf(mesh);
  const [, , rim] = lines;
  const [innerUpper, innerLower, outerUpper, outerLower] = lines.map((line) => mean(line.slice(MIDDLE[0], MIDDLE[1])));
  return [rim[rim.length - 1], rim[0], innerUpper, innerLower, outerUpper, outerLower, mesh[CHIN]];
}

/** By a model's five points: those of the lips lie on them, half of what shut ones are apart above and below. */
function plain(face: Named, own: Affine): Point[] {
  const [left, right, upper, lower, chin] = ["corner_left", "corner_right", "upper_lip", "lower_lip", "chin"].map((name) =>
    own.at(face[`mouth.${name}`]),
  );
  const half = Math.min(TOGETHER, Math.max(lower[1] - upper[1], 0)) / 2;
  const [down, up]: Point[] = [
    [0, half],
    [0, -half],
  ];
  return [left, right, plus(upper, down), plus(lower, up), plus(upper, up), plus(lower, down), chin];
}

/** How far lips are apart, by their inner edges alone: little is known of how far, much of whether. */
export function apart(lips: Places): number {
  const gap = gapOf(lips);
  return parted(gap) * widened(gap);
}

/** How much farther apart lips are than at `rest`; nothing where both are the same. */
export function opened(now: Places, rest: Places): number {
  const outer = between(now, RIM_UPPER, RIM_LOWER) - between(rest, RIM_UPPER, RIM_LOWER);
  const found = widened(gapOf(rest)) + OUTER * outer + INNER * (gapOf(now) - gapOf(rest));
  return parted(gapOf(now)) * Math.max(found, 0) - apart(rest);
}

/** `lips` that are apart by so much less: the lower one rises, and takes the chin along. */
export function shut(lips: Places, by: number): Float64Array {
  const left = widened(gapOf(lips)) * Math.max(1 - by / Math.max(apart(lips), 1e-9), 0);
  const inner = Math.max(by / (OUTER + INNER), gapOf(lips) - Math.max(left / WIDER, left - AT_MOST));
  const outer = Math.max(by - INNER * inner, 0) / OUTER;
  const result = Float64Array.from(lips);
  result[2 * LOWER + 1] -= inner;
  result[2 * RIM_LOWER + 1] -= outer;
  result[2 * TIP + 1] -= JAW * outer;
  return result;
}

function gapOf(lips: Places): number {
  return between(lips, UPPER, LOWER);
}

/** How far parted lips are apart whose inner edges are found with that `gap`. */
function widened(gap: number): number {
  return Math.max(Math.min(WIDER * gap, gap + AT_MOST), 0);
}

/** From 0, inner edges that touch, to 1, ones that surely do not. */
function parted(gap: number): number {
  return smooth(clamp((gap - SHUT[0]) / (SHUT[1] - SHUT[0]), 0, 1));
}

/** By how much the second of two of the places is below the first. */
export function between(lips: Places, upper: number, lower: number): number {
  return lips[2 * lower + 1] - lips[2 * upper + 1];
}

function flat(points: readonly Point[]): Float64Array {
  return Float64Array.from(points.flat());
}
