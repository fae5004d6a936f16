/** Which square of a picture the model is shown, so that it sees heads as in its training: runtime/framing/framer.py. */
import { faceSize, findFaces, scaledFace, type Detector, type Face } from "./faces";
import { findFront } from "./front";
import type { Point } from "./layers/frames";
import type { PersonNetwork } from "./layers/matte";
import { findMesh, type MeshNetwork } from "./layers/mesh";
import { clamp, roundHalfEven } from "./numbers";
import { square, type Picture, type Size } from "./picture";
import { resize } from "./resample";
import { marked, type Sight } from "./subject";
import { Window } from "./window";

/** Height of a head, crown to chin, in sizes of the detector's box, and by how much its middle lies above the box's. */
const HEAD = 1.57;
const RISE = 0.24;
/** Part of its side by which a square may move to stay in the picture. */
const SLACK = 0.15;
/** Longer side, in pixels, of the picture in which faces are looked for. */
const SEARCHED = 1280;
/** Frames of a video that a model itself looks at, where no face is found. */
const FEW = 4;
/** Below this probability leaves and engines are taken for faces, too. */
const DOUBTFUL = 0.9;

/** How a square is chosen: around the face, the largest in the middle, or the same without looking for faces. */
export type Crop = "auto" | "center" | "off";

/** How the pictures that a model was trained on are framed: `framing` of a bundle. */
export interface Framing {
  subject: string;
  head: number;
  closest: number;
  middle: number;
  /** Larger side of the box around the model's points, as a part of the side. */
  spread: number;
}

export const USUAL: Framing = { subject: "face", head: 0.6, closest: 0.86, middle: 0.46, spread: 0.7 };

/** The square that shows `face` as in training, in a picture of that size. */
export function around(framing: Framing, face: Face, size: Size): Window {
  const [x, y] = aim(framing, face);
  return settle(x, y, (faceSize(face) * HEAD) / framing.head, least(framing, face), size);
}

/** The middle of the square around `face`, wherever the picture ends. */
function aim(framing: Framing, face: Face): [number, number] {
  const rise = ((0.5 - framing.middle) * HEAD) / framing.head - RISE;
  return [(face.left + face.right) / 2, (face.top + face.bottom) / 2 + rise * faceSize(face)];
}

/** Side of the smallest square that may show `face`. */
function least(framing: Framing, face: Face): number {
  return (faceSize(face) * HEAD) / Math.max(framing.head, framing.closest);
}

/** The square of about that middle and side that shows as little as possible of what is outside the picture. */
export function settle(x: number, y: number, wanted: number, smallest: number, size: Size): Window {
  const side = Math.max(Math.min(wanted, ...size), smallest);
  const [right, down] = [x, y].map((at, axis) => into(at - side / 2, side, size[axis]));
  return Window.around(x + right, y + down, side);
}

/** By how much to move a stretch of `side` from `low`, so that less of it leaves a picture of `length`. */
function into(low: number, side: number, length: number): number {
  const [first, last] = [Math.min(0, length - side), Math.max(0, length - side)];
  return clamp(clamp(low, first, last) - low, -SLACK * side, SLACK * side);
}

/**
 * One square for a whole video, from the largest face of each of some frames: as large as one around the face, and so
 * much larger and placed such that the face stays in it.
 */
export function drivingWindow(framing: Framing, faces: Face[], size: Size): Window {
  const aims = faces.map((face) => aim(framing, face));
  const low = [0, 1].map((axis) => Math.min(...aims.map((at) => at[axis])));
  const high = [0, 1].map((axis) => Math.max(...aims.map((at) => at[axis])));
  const usual = [...faces].sort((one, other) => faceSize(one) - faceSize(other))[Math.floor(faces.length / 2)];
  const roam = Math.max(high[0] - low[0], high[1] - low[1]);
  const side = (faceSize(usual) * HEAD) / framing.head + roam;
  const middle = low.map((value, axis) => (value + high[axis]) / 2);
  return settle(middle[0], middle[1], side, least(framing, usual), size);
}

/** Networks that help where the detector finds no face, or doubts. */
export interface Helpers {
  person: PersonNetwork;
  mesh: MeshNetwork;
}

/** A square, or none where the largest in the middle is taken, and whether a face was looked for in vain. */
export interface Framed {
  window?: Window;
  /** Where no face was found: what is taken instead. */
  lost?: "front" | "points" | "middle";
  /** Faces that were found in a photo. */
  faces?: number;
}

/** Chooses the squares of one model's pictures and driving frames. */
export class Framer {
  constructor(
    readonly framing: Framing,
    private detect: Detector,
    private sight?: Sight,
    private helpers?: Helpers,
  ) {}

  /** The square of a photo. */
  async source(picture: Picture, crop: Crop = "auto"): Promise<Framed> {
    const size: Size = [picture.width, picture.height];
    if (!this.looks(crop)) return crop === "center" ? { window: Window.centered(size).snapped() } : {};
    let faces = await this.confirmed(picture, await this.faces(picture, 3));
    if (!faces.length) faces = await this.confirmed(picture, await this.faces(picture, 4));
    if (!faces.length) return this.withoutFace([picture]);
    return { window: around(this.framing, faces[0], size).snapped(), faces: faces.length };
  }

  /** The square of all frames of a driving video, from a few `samples` of one size. */
  async driving(samples: Picture[], crop: Crop = "auto"): Promise<Framed> {
    const size: Size = [samples[0].width, samples[0].height];
    if (!this.looks(crop)) return crop === "center" ? { window: Window.centered(size).snapped() } : {};
    const found: Face[] = [];
    for (const sample of samples) found.push(...(await this.faces(sample, 2)).slice(0, 1));
    if (found.length) return { window: drivingWindow(this.framing, found, size).snapped() };
    const step = Math.max(1, Math.floor(samples.length / FEW));
    return this.withoutFace(samples.filter((_, index) => index % step === 0));
  }

  /** Animals, statues and drawings: what stands in front, else what the model's own points mark. */
  private async withoutFace(pictures: Picture[]): Promise<Framed> {
    const front = this.helpers && (await findFront(pictures, this.helpers.person));
    if (front) return { window: front.snapped(), lost: "front" };
    if (!this.sight) return { lost: "middle" };
    return { window: (await marked(pictures, this.framing, this.sight)).snapped(), lost: "points" };
  }

  /** Those of the `faces` in `picture` that are ones: where the detector doubts, the network of meshes decides. */
  private async confirmed(picture: Picture, faces: Face[]): Promise<Face[]> {
    const kept: Face[] = [];
    for (const face of faces) {
      const { left, top, right, bottom, landmarks, score } = face;
      const corners: Point[] = [
        [left, top],
        [right, bottom],
      ];
      const doubtful = score < DOUBTFUL && this.helpers;
      if (!doubtful || (await findMesh(picture, landmarks.slice(0, 2), corners, doubtful.mesh))) kept.push(face);
    }
    return kept;
  }

  private looks(crop: Crop): boolean {
    return crop === "auto" && this.framing.subject === "face";
  }

  /** The faces in `picture`, the largest first, in its own pixels. */
  private async faces(picture: Picture, levels: number): Promise<Face[]> {
    const factor = Math.min(1, SEARCHED / Math.max(picture.width, picture.height));
    if (factor === 1) return findFaces(picture, levels, this.detect);
    const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, roundHalfEven(side * factor)));
    const small = resize(picture, [width, height], { filter: "bilinear", gap: 2 });
    return (await findFaces(small, levels, this.detect)).map((face) => scaledFace(face, 1 / factor));
  }
}

/** The square of `picture` that was chosen, as RGB bytes (side, side, 3). */
export function cutTo(picture: Picture, { window }: Framed, side: number): Uint8Array {
  return window ? window.cut(picture, side) : square(picture, side);
}
