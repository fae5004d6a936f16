/** The outline of lips, found by MediaPipe's face mesh: runtime/layers/mesh.py. */
import type { Picture } from "../picture";
import constants from "../shared/layers.json";
import { Affine, distance, minus, plus, times, type Point } from "./frames";
import { pointsOf } from "./points";

const { MARGIN, MIN_SCORE, APART, RIGHT_EYE, LEFT_EYE } = constants.mesh;
const { INNER_UPPER, INNER_LOWER, OUTER_UPPER, OUTER_LOWER } = constants.mesh;
export const { SIDE, CHIN, NOSE } = constants.mesh;

/** The network: from RGB bytes (SIDE, SIDE, 3) to points (468, 2) in parts of the side, and whether it is a face. */
export type MeshNetwork = (view: Uint8Array) => Promise<{ points: Float32Array; score: number }>;

/** Its 468 landmarks, in the network's order. */
export type Mesh = readonly Point[];

/** Lips in a picture, and what is above and below them; points in its pixels. */
export interface FoundLips {
  /** Inner edges of the upper and the lower lip, then the outer ones, from the person's right to the left. */
  lips: [Point[], Point[], Point[], Point[]];
  /** Its base. */
  nose: Point;
  /** Its tip. */
  chin: Point;
}

/**
 * The lips of a face in `picture`; nothing where the network sees no face. `eyes`: outer corners of the right and the left
 * eye; `points`: about where the face is; both in pixels.
 */
export async function findLips(
  picture: Picture,
  eyes: readonly Point[],
  points: readonly Point[],
  look: MeshNetwork,
): Promise<FoundLips | undefined> {
  const mesh = await findMesh(picture, eyes, points, look);
  if (!mesh) return undefined;
  const [innerUpper, innerLower, outerUpper, outerLower] = linesOf(mesh);
  const wider = innerUpper.map((upper, k) => times((APART - 1) / 2, minus(innerLower[k], upper)));
  const [up, low] = [innerUpper.map((at, k) => minus(at, wider[k])), innerLower.map((at, k) => plus(at, wider[k]))];
  return { lips: [up, low, outerUpper, outerLower], nose: mesh[NOSE], chin: mesh[CHIN] };
}

/** Inner edges of the upper and the lower lip, then the outer ones, from the person's right to the left. */
export function linesOf(mesh: Mesh): Point[][] {
  return [INNER_UPPER, INNER_LOWER, OUTER_UPPER, OUTER_LOWER].map((line) => line.map((k) => mesh[k]));
}

/**
 * The landmarks of a face in `picture`; arguments as of `findLips`. Nothing where the network sees no face. `looks`: the
 * first at what is known, each other one at what the last one found.
 */
export async function findMesh(
  picture: Picture,
  eyes: readonly Point[],
  points: readonly Point[],
  look: MeshNetwork,
  looks = 2,
): Promise<Mesh | undefined> {
  let mesh: Mesh = points;
  let ends = eyes;
  for (let round = 0; round < looks; round++) {
    const view = viewOf(ends, mesh);
    const found = await look(view.cut(picture, SIDE));
    if (found.score < MIN_SCORE) return undefined;
    mesh = pointsOf(found.points).map((point) => view.at(times(SIDE, point)));
    ends = [mesh[RIGHT_EYE], mesh[LEFT_EYE]];
  }
  return mesh;
}

/** From the network's square to the picture: the points in its middle, the eyes level. */
function viewOf([right, left]: readonly Point[], points: readonly Point[]): Affine {
  const across = times(1 / Math.max(distance(left, right), 1e-6), minus(left, right));
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [low, high] = [Math.min, Math.max].map((end) => [end(...xs), end(...ys)]);
  const scale = (MARGIN * Math.max(high[0] - low[0], high[1] - low[1])) / SIDE;
  const [x, y] = times(scale, across);
  return Affine.through([x, -y, y, x], [SIDE / 2, SIDE / 2], [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2]);
}
