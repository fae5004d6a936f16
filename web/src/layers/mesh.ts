/** The outline of lips, found by MediaPipe's face mesh: runtime/layers/mesh.py. */
import type { Picture } from "../picture";
import constants from "../shared/layers.json";
import { Affine, distance, minus, plus, times, type Point } from "./frames";
import { pointsOf } from "./points";

const { MARGIN, LOOKS, APART, RIGHT_EYE, LEFT_EYE } = constants.mesh;
const { INNER_UPPER, INNER_LOWER, OUTER_UPPER, OUTER_LOWER } = constants.mesh;
export const { SIDE, MIN_SCORE, CHIN, NOSE } = constants.mesh;

/** What the network gives: points (468, 2) and points of a model's head (40, 2) in parts of the side, and whether it is a face. */
export interface MeshOutputs {
  points: Float32Array;
  head: Float32Array;
  score: number;
}

/** The network, of RGB bytes (SIDE, SIDE, 3). */
export type MeshNetwork = (view: Uint8Array) => Promise<MeshOutputs>;

/** Its 468 landmarks, in the network's order. */
export type Mesh = readonly Point[];

/** What the network sees of a face; points in pixels of the picture. */
export interface Look {
  points: Mesh;
  /** Where these tell the points of `SHARES` (mended.ts) to be, in their order. */
  head: readonly Point[];
  /** The probability that it is a face. */
  score: number;
}

/** Lips in a picture, and what is above and below them; points in its pixels. */
export interface FoundLips {
  /** Inner edges of the upper and the lower lip, then the outer ones, from the person's right to the left. */
  lips: [Point[], Point[], Point[], Point[]];
  /** Its base. */
  nose: Point;
  /** Its tip. */
  chin: Point;
}

/** The lips among the landmarks of a `mesh`. */
export function lipsOf(mesh: Mesh): FoundLips {
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
 * The face in `picture`; nothing where the network sees none. `eyes`: outer corners of the right and the left eye; `points`:
 * about where the face is; both in pixels. It looks twice: at what is known, and at what it found there.
 */
export async function lookAt(
  picture: Picture,
  eyes: readonly Point[],
  points: readonly Point[],
  network: MeshNetwork,
): Promise<Look | undefined> {
  let look: Look | undefined;
  for (let round = 0; round < LOOKS; round++) {
    const view: Affine = look ? viewOf([RIGHT_EYE, LEFT_EYE].map((k) => look!.points[k]), look.points) : viewOf(eyes, points);
    const found = await network(view.cut(picture, SIDE));
    if (found.score < MIN_SCORE) return undefined;
    const [mesh, head] = [found.points, found.head].map((values) =>
      pointsOf(values).map((point) => view.at(times(SIDE, point))),
    );
    look = { points: mesh, head, score: found.score };
  }
  return look;
}

/** The landmarks that `lookAt` finds. */
export async function findMesh(...given: Parameters<typeof lookAt>): Promise<Mesh | undefined> {
  return (await lookAt(...given))?.points;
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
