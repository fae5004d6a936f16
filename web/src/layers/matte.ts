/** The person in front, once a source: runtime/layers/matte.py. */
import { clamp, roundHalfEven } from "../numbers";
import { black, type Picture } from "../picture";
import { resize, resizeFloats } from "../resample";
import constants from "../shared/layers.json";
import { boxBlur } from "./blur";
import type { Canvas, Span } from "./canvas";
import { Affine, type Point } from "./frames";
import { completed } from "./silhouette";

const { COARSE } = constants.matte;
export const { SIDE, WORK } = constants.matte;

/** The network: from RGB bytes (count, SIDE, SIDE, 3) to probabilities (count, SIDE, SIDE) of a person. */
export type PersonNetwork = (views: Uint8Array, count: number) => Promise<Float32Array>;

/**
 * The probability (SIDE, SIDE) that the parts of `canvas` show the person whose face is at the pixel `face`; nothing where
 * there is none. What the photo shows is looked at, and the square that is moved a second time by itself. `head`: from its
 * own frame to the canvas, where there is a face beyond doubt: then who is not seen has a usual outline.
 */
export async function findPerson(
  canvas: Canvas,
  face: Point,
  look: PersonNetwork,
  head?: Affine,
): Promise<Float32Array | undefined> {
  const { picture, margin, side, size, rows, columns } = canvas;
  const within = ({ start, stop }: Span): Span => ({ start: Math.max(margin, start), stop: Math.min(margin + side, stop) });
  const parts = [
    [rows, columns],
    [within(rows), within(columns)],
  ];
  const seen = new Uint8Array(2 * SIDE * SIDE * 3);
  parts.forEach(([down, across], index) => {
    const view = resize(cropped(picture, down, across), [SIDE, SIDE], { filter: "bilinear", gap: 2 });
    seen.set(view.data, index * SIDE * SIDE * 3);
  });
  const found = await look(seen, 2);
  const cells = (end: number): number => roundHalfEven((end / size) * SIDE);
  const person = new Float32Array(SIDE * SIDE);
  parts.forEach(([down, across], index) => {
    const [top, bottom, left, right] = [down.start, down.stop, across.start, across.stop].map(cells);
    const [height, width] = [bottom - top, right - left];
    const near = resizeFloats(found.slice(index * SIDE * SIDE, (index + 1) * SIDE * SIDE), SIDE, [width, height]);
    if (index === 0) {
      // Beyond the photo its border is repeated.
      for (let k = 0; k < person.length; k++) {
        const row = clamp(Math.floor(k / SIDE) - top, 0, height - 1);
        person[k] = near[row * width + clamp((k % SIDE) - left, 0, width - 1)];
      }
      return;
    }
    const [tall, wide] = [inwards(down, rows, height), inwards(across, columns, width)];
    for (let k = 0; k < near.length; k++) {
      const [y, x] = [Math.floor(k / width), k % width];
      person[(top + y) * SIDE + left + x] += tall[y] * wide[x] * (near[k] - person[(top + y) * SIDE + left + x]);
    }
  });
  const scale = SIDE / size;
  const told = head && completed(person, SIDE, scaled(head, scale));
  return connected(told ?? person, [face[0] / size, face[1] / size]);
}

/** `head` in cells of `scale` a pixel. */
function scaled({ linear: [a, b, c, d], offset }: Affine, scale: number): Affine {
  const [x, y] = offset.map((value) => (value + 0.5) * scale - 0.5);
  return new Affine([a * scale, b * scale, c * scale, d * scale], [x, y]);
}

/** How much a second look at `part` of the `photo` counts: less towards ends beyond which it goes on. */
function inwards(part: Span, photo: Span, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, k) => {
    const low = part.start > photo.start ? k / (0.12 * count) : 1;
    const high = part.stop < photo.stop ? (count - 1 - k) / (0.12 * count) : 1;
    return clamp(Math.min(low, high), 0, 1);
  });
}

function cropped(picture: Picture, rows: Span, columns: Span): Picture {
  const result = black(columns.stop - columns.start, rows.stop - rows.start);
  for (let row = rows.start; row < rows.stop; row++) {
    const from = (row * picture.width + columns.start) * 3;
    result.data.set(picture.data.subarray(from, from + result.width * 3), (row - rows.start) * result.width * 3);
  }
  return result;
}

/** Only what hangs together with the face, whose place is given in parts of the side. */
export function connected(person: Float32Array, face: Point): Float32Array | undefined {
  const cell = SIDE / COARSE;
  const cellOf = (k: number): number => Math.floor(Math.floor(k / SIDE) / cell) * COARSE + Math.floor((k % SIDE) / cell);
  const sure = new Uint8Array(COARSE * COARSE);
  person.forEach((value, k) => (sure[cellOf(k)] |= Number(value > Math.fround(0.35))));
  const [column, row] = face.map((value) => Math.trunc(clamp(value * COARSE, 0, COARSE - 1)));
  if (!sure[row * COARSE + column]) return undefined;
  const queue = [row * COARSE + column];
  sure[queue[0]] = 2;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const x = at % COARSE;
    const beside = [at - COARSE, at + COARSE, ...(x ? [at - 1] : []), ...(x < COARSE - 1 ? [at + 1] : [])];
    for (const next of beside) {
      if (sure[next] !== 1) continue; // also beyond the first and the last row
      sure[next] = 2;
      queue.push(next);
    }
  }
  const kept = boxBlur(
    person.map((_, k) => Number(sure[cellOf(k)] === 2)),
    SIDE,
    2,
  );
  return person.map((value, k) => (kept[k] > 0 ? value : 0));
}

/**
 * Alpha (size, size) in [0, 1] of the person in `canvas`, (size, size, 3) in 0 ... 255: the probability `person`, its edge
 * led by the picture's (guided filter, He et al. 2010, with the colours as guide).
 */
export function matte(canvas: Float32Array, size: number, person: Float32Array): Float32Array {
  const work = Math.min(size, WORK);
  const guide = resizeFloats(canvas, size, work, 3).map((value) => value / 255);
  const radius = Math.max(2, roundHalfEven(work / 48));
  const filters = guided(guide, resizeFloats(person, SIDE, work), work, radius, 1e-3);
  const [a, b] = [resizeFloats(filters.a, work, size, 3), resizeFloats(filters.b, work, size)];
  const prior = resizeFloats(person, SIDE, size);
  // Far from the edge the network is right; at it the colours are.
  const sure = prior.map((value) => clamp((value - 0.5) * 3 + 0.5, 0, 1));
  const reach = Math.max(2, roundHalfEven(size / 128));
  const spread = boxBlur(boxBlur(sure, size, reach), size, reach);
  return sure.map((value, k) => {
    let refined = b[k];
    for (let at = 3 * k; at < 3 * k + 3; at++) refined += (a[at] * canvas[at]) / 255;
    const edge = clamp(Math.min(spread[k], 1 - spread[k]) * 8, 0, 1);
    const alpha = clamp((refined - 0.12) / 0.76, 0, 1);
    return value + edge * (alpha - value);
  });
}

/** Of (size, size, 6): the pairs of channels in it. */
const PAIRS = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 1],
  [1, 2],
  [2, 2],
];

/** Coefficients a (size, size, 3) and b (size, size) such that a . guide + b follows `mask`. */
function guided(
  guide: Float32Array,
  mask: Float32Array,
  size: number,
  radius: number,
  ease: number,
): { a: Float32Array; b: Float32Array } {
  const mean = boxBlur(guide, size, radius, 3);
  const level = boxBlur(mask, size, radius);
  const masked = guide.map((value, k) => value * mask[Math.floor(k / 3)]);
  const together = boxBlur(masked, size, radius, 3).map((value, k) => value - mean[k] * level[Math.floor(k / 3)]);
  const products = new Float32Array(size * size * 6);
  for (let k = 0; k < size * size; k++) {
    for (let pair = 0; pair < 6; pair++) {
      products[6 * k + pair] = guide[3 * k + PAIRS[pair][0]] * guide[3 * k + PAIRS[pair][1]];
    }
  }
  const spread = boxBlur(products, size, radius, 6);
  const [a, b] = [new Float32Array(size * size * 3), new Float32Array(size * size)];
  const own = new Float32Array(6);
  for (let k = 0; k < size * size; k++) {
    for (let pair = 0; pair < 6; pair++) {
      own[pair] = spread[6 * k + pair] - Math.fround(mean[3 * k + PAIRS[pair][0]] * mean[3 * k + PAIRS[pair][1]]);
    }
    const xx = own[0] + ease;
    const xy = own[1];
    const xz = own[2];
    const yy = own[3] + ease;
    const yz = own[4];
    const zz = own[5] + ease;
    const x = together[3 * k];
    const y = together[3 * k + 1];
    const z = together[3 * k + 2];
    const first = yy * zz - yz * yz;
    const second = xz * yz - xy * zz;
    const third = xy * yz - xz * yy;
    const cross = xy * xz - xx * yz;
    const whole = xx * first + xy * second + xz * third;
    a[3 * k] = (first * x + second * y + third * z) / whole;
    a[3 * k + 1] = (second * x + (xx * zz - xz * xz) * y + cross * z) / whole;
    a[3 * k + 2] = (third * x + cross * y + (xx * yy - xy * xy) * z) / whole;
    b[k] = level[k] - a[3 * k] * mean[3 * k] - a[3 * k + 1] * mean[3 * k + 1] - a[3 * k + 2] * mean[3 * k + 2];
  }
  return { a: boxBlur(a, size, radius, 3), b: boxBlur(b, size, radius) };
}
