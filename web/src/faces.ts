/** Where the faces are: BlazeFace over a pyramid of views, as in runtime/framing/faces.py. */
import { pointsOf } from "./layers/points";
import type { Picture, Size } from "./picture";
import { Window } from "./window";

export const SIDE = 128;
const MIN_SCORE = 0.7;
const MIN_SCORE_CLOSER = 0.75;
const SAME = 0.3;
const INSIDE = 0.6;
const BATCH = 8;

/** A face; its box reaches from the forehead to the chin, in pixels of the picture. */
export interface Face {
  left: number;
  top: number;
  right: number;
  bottom: number;
  score: number;
  /** The person's right and left eye, nose, mouth, right and left ear. */
  landmarks: (readonly [x: number, y: number])[];
}

/**
 * What the network says of `count` views: boxes (count, N, 4) and landmarks (count, N, 6, 2) in parts of a view's side,
 * scores (count, N).
 */
export interface Found {
  boxes: Float32Array;
  landmarks: Float32Array;
  scores: Float32Array;
}

/** The network: from RGB bytes (count, 128, 128, 3). */
export type Detector = (views: Uint8Array, count: number) => Promise<Found>;

/** Side of the square of the same area as the face's box. */
export function faceSize(face: Face): number {
  return Math.sqrt(Math.max(0, face.right - face.left) * Math.max(0, face.bottom - face.top));
}

/** The same face when the picture is resized by `factor`. */
export function scaledFace({ left, top, right, bottom, score, landmarks }: Face, factor: number): Face {
  const edges = { left: left * factor, top: top * factor, right: right * factor, bottom: bottom * factor };
  return { ...edges, score, landmarks: landmarks.map(([x, y]) => [x * factor, y * factor]) };
}

/** The faces in `picture`, the largest first. `levels`: 1 looks at all of it, 2 also at squares half as large, ... */
export async function findFaces(picture: Picture, levels: number, detect: Detector): Promise<Face[]> {
  const found: Face[] = [];
  for (let level = 0; level < levels; level++) {
    const least = level === 0 ? MIN_SCORE : MIN_SCORE_CLOSER;
    const views = viewsOf([picture.width, picture.height], level);
    for (let start = 0; start < views.length; start += BATCH) {
      found.push(...(await look(picture, views.slice(start, start + BATCH), least, level === 0, detect)));
    }
  }
  return distinct(found).sort((one, other) => faceSize(other) - faceSize(one));
}

/** Squares that cover a picture of that size, overlapping by half. */
export function viewsOf(size: Size, level: number): Window[] {
  const longest = Math.max(...size);
  const side = longest / 2 ** level;
  if (level && side < SIDE) return [];
  const [left, top] = size.map((length) => (length - longest) / 2);
  const steps = Array.from({ length: 2 ** (level + 1) - 1 }, (_, index) => (index * side) / 2);
  const views = steps.flatMap((down) => steps.map((across) => new Window(left + across, top + down, side)));
  return views.filter((view) => view.touches(size));
}

async function look(
  picture: Picture,
  views: Window[],
  least: number,
  whole: boolean,
  detect: Detector,
): Promise<Face[]> {
  const seen = new Uint8Array(views.length * SIDE * SIDE * 3);
  views.forEach((view, index) => seen.set(view.cut(picture, SIDE, "black"), index * SIDE * SIDE * 3));
  const { boxes, landmarks, scores } = await detect(seen, views.length);
  return views.flatMap((view, index) => {
    const [own, marks, chances] = [boxes, landmarks, scores].map((values) => {
      const length = values.length / views.length;
      return values.subarray(index * length, (index + 1) * length);
    });
    const groups = clusters(own, marks, chances, least);
    // A box that leaves a part of the picture is a face that the part cuts.
    const kept = groups.filter(({ box }) => whole || (Math.min(...box) >= 0 && Math.max(...box) <= 1));
    return kept.map(({ box, marks, score }) => {
      const [placed, landmarks] = [box, marks].map((values) =>
        values.map((value, at) => value * view.side + (at % 2 ? view.top : view.left)),
      );
      const [left, top, right, bottom] = placed;
      return { left, top, right, bottom, score, landmarks: pointsOf(landmarks) };
    });
  });
}

/** One box, its landmarks and score for all anchors that agree: their mean, weighted by score. */
export function clusters(
  boxes: Float32Array,
  landmarks: Float32Array,
  scores: Float32Array,
  least: number,
): { box: number[]; marks: number[]; score: number }[] {
  const box = (anchor: number): number[] => [...boxes.subarray(4 * anchor, 4 * anchor + 4)];
  let rest = [...scores.keys()].filter((anchor) => scores[anchor] >= least);
  rest.sort((one, other) => scores[other] - scores[one] || one - other);
  const found = [];
  while (rest.length) {
    const [best, ...others] = rest;
    const same = others.filter((other) => overlap(box(best), box(other)).union > SAME);
    const group = [best, ...same];
    const total = group.reduce((sum, anchor) => sum + scores[anchor], 0);
    const [mean, marks] = [boxes, landmarks].map((values) => {
      const length = values.length / scores.length;
      return Array.from({ length }, (_, at) =>
        group.reduce((sum, anchor) => sum + (scores[anchor] / total) * values[length * anchor + at], 0),
      );
    });
    found.push({ box: mean, marks, score: scores[best] });
    rest = others.filter((other) => !same.includes(other));
  }
  return found;
}

/** Each face once, out of what several views saw; the surest view of it counts. */
export function distinct(faces: Face[]): Face[] {
  const kept: Face[] = [];
  const edges = ({ left, top, right, bottom }: Face): number[] => [left, top, right, bottom];
  for (const face of [...faces].sort((one, other) => other.score - one.score)) {
    const shared = kept.map((other) => overlap(edges(face), edges(other)));
    if (!shared.some(({ union, smaller }) => union > SAME || smaller > INSIDE)) kept.push(face);
  }
  return kept;
}

/** The intersection of two boxes as a part of their union, and of the smaller one. */
function overlap(a: number[], b: number[]): { union: number; smaller: number } {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(across, 0) * Math.max(down, 0);
  const areas = [a, b].map((box) => (box[2] - box[0]) * (box[3] - box[1]));
  return {
    union: shared / Math.max(areas[0] + areas[1] - shared, 1e-9),
    smaller: shared / Math.max(Math.min(...areas), 1e-9),
  };
}
