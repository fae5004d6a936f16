/** The person in front and what is behind, once a source: runtime/layers/matte.py. */
import { clamp, roundHalfEven } from "../numbers";
import { black, type Picture } from "../picture";
import { resize, resizeFloats } from "../resample";
import constants from "../shared/layers.json";
import { boxBlur } from "./blur";
import type { Canvas } from "./canvas";
import type { Point } from "./frames";

const { COARSE, WORK, STEPS, CALM, DEEP } = constants.matte;
export const SIDE = constants.matte.SIDE;

/** The network: from RGB bytes (count, SIDE, SIDE, 3) to probabilities (count, SIDE, SIDE) of a person. */
export type PersonNetwork = (views: Uint8Array, count: number) => Promise<Float32Array>;

/**
 * The probability (SIDE, SIDE) that the parts of `canvas` show the person whose face is at the pixel `face`; nothing where
 * there is none. The square that is moved is looked at a second time by itself.
 */
export async function findPerson(canvas: Canvas, face: Point, look: PersonNetwork): Promise<Float32Array | undefined> {
  const { picture, margin, side, size } = canvas;
  const views = [picture, cropped(picture, margin, side)].map(
    (view) => resize(view, [SIDE, SIDE], { filter: "bilinear", gap: 2 }).data,
  );
  const seen = new Uint8Array(2 * SIDE * SIDE * 3);
  views.forEach((view, index) => seen.set(view, index * view.length));
  const found = await look(seen, 2);
  const [person, part] = [found.slice(0, SIDE * SIDE), found.subarray(SIDE * SIDE)];
  const [low, high] = [margin, margin + side].map((end) => roundHalfEven((end / size) * SIDE));
  const length = high - low;
  const near = resizeFloats(part, SIDE, length);
  const at = (k: number): number => clamp(Math.min(k, length - 1 - k) / (0.12 * length), 0, 1);
  for (let y = 0; y < length; y++) {
    for (let x = 0; x < length; x++) {
      const place = (low + y) * SIDE + low + x;
      person[place] += Math.min(at(x), at(y)) * (near[y * length + x] - person[place]);
    }
  }
  return connected(person, [face[0] / size, face[1] / size]);
}

function cropped(picture: Picture, margin: number, side: number): Picture {
  const result = black(side, side);
  for (let row = 0; row < side; row++) {
    const from = ((row + margin) * picture.width + margin) * 3;
    result.data.set(picture.data.subarray(from, from + side * 3), row * side * 3);
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

/**
 * What is behind the person, (size, size, 3): `canvas` where `alpha` says that nobody is near; behind the outline its mirror
 * image, and farther in what is around, spread from coarse to fine.
 */
export function backdrop(canvas: Float32Array, size: number, alpha: Float32Array): Float32Array {
  const somebody = alpha.map((value) => Number(value > Math.fround(0.04)));
  const near = boxBlur(somebody, size, Math.max(2, roundHalfEven(size / 90)));
  const known = near.map((value) => clamp(1 - 40 * value, 0, 1));
  if (!known.some((value) => value > 0.5)) return canvas.slice();
  const filled = spread(canvas, size, known);
  const mirror = mirrored(canvas, size, known);
  return filled.map((value, k) => {
    const place = Math.floor(k / 3);
    const hidden = value + mirror.weight[place] * (mirror.colour[k] - value);
    return hidden + known[place] * (canvas[k] - hidden);
  });
}

/** What is `known` of the `canvas` in all of it, from coarse to fine. */
function spread(canvas: Float32Array, size: number, known: Float32Array): Float32Array {
  const work = Math.min(size, WORK);
  const seen = canvas.map((value, k) => value * known[Math.floor(k / 3)]);
  const levels = [{ side: work, colour: resizeFloats(seen, size, work, 3), weight: resizeFloats(known, size, work) }];
  while (levels[levels.length - 1].side > 2) {
    const { side, colour, weight } = levels[levels.length - 1];
    const half = Math.floor(side / 2);
    levels.push({ side: half, colour: resizeFloats(colour, side, half, 3), weight: resizeFloats(weight, side, half) });
  }
  const last = levels.pop()!;
  let filled = last.colour.map((value, k) => value / Math.max(last.weight[Math.floor(k / 3)], 1e-4));
  let side = last.side;
  for (const level of levels.reverse()) {
    const coarse = boxBlur(resizeFloats(filled, side, level.side, 3), level.side, 1, 3);
    filled = level.colour.map((value, k) => value + clamp(1 - level.weight[Math.floor(k / 3)], 0, 1) * coarse[k]);
    side = level.side;
  }
  return resizeFloats(filled, side, size, 3);
}

/** The mirror image of what is `known`, at its edge, (size, size, 3), and how much it counts, (size, size). */
function mirrored(
  canvas: Float32Array,
  size: number,
  known: Float32Array,
): { colour: Float32Array; weight: Float32Array } {
  const coarse = resizeFloats(known, size, STEPS).map((value) => Number(value > Math.fround(0.99)));
  if (!coarse.some(Boolean)) return { colour: canvas, weight: new Float32Array(size * size) };
  const [rows, columns] = nearest(coarse, STEPS);
  const way = new Float32Array(2 * STEPS * STEPS);
  const far = new Float32Array(STEPS * STEPS);
  for (let k = 0; k < far.length; k++) {
    way[2 * k] = columns[k] - (k % STEPS);
    way[2 * k + 1] = rows[k] - Math.floor(k / STEPS);
    far[k] = Math.hypot(way[2 * k], way[2 * k + 1]);
  }
  // The way's direction is calmed: an outline's small teeth would throw long rays.
  const calm = resizeFloats(boxBlur(boxBlur(way, STEPS, CALM, 2), STEPS, CALM, 2), STEPS, size, 2);
  const length = resizeFloats(far, STEPS, size);
  const [colour, weight] = [new Float32Array(size * size * 3), new Float32Array(size * size)];
  const single = Math.fround;
  for (let k = 0; k < weight.length; k++) {
    const unit = Math.max(single(Math.hypot(calm[2 * k], calm[2 * k + 1])), single(1e-3));
    const reach = single(length[k] * single(size / STEPS));
    const [across, down] = [calm[2 * k], calm[2 * k + 1]].map((value) => single(single(value / unit) * reach));
    const column = roundHalfEven(clamp(single((k % size) + single(2 * across)), 0, size - 1));
    const row = roundHalfEven(clamp(single(Math.floor(k / size) + single(2 * down)), 0, size - 1));
    const from = row * size + column;
    for (let channel = 0; channel < 3; channel++) colour[3 * k + channel] = canvas[3 * from + channel];
    weight[k] = known[from] * clamp((DEEP - Math.hypot(across, down) / size) / (DEEP / 2), 0, 1);
  }
  return { colour, weight: boxBlur(weight, size, Math.max(1, roundHalfEven(size / 128))) };
}

/** Row and column of the place of `known` (size, size) that is nearest to each, nearly (jump flooding). */
function nearest(known: Float32Array, size: number): [Int32Array, Int32Array] {
  const FAR = 1e6;
  let rows = Int32Array.from(known, (value, k) => (value ? Math.floor(k / size) : FAR));
  let columns = Int32Array.from(known, (value, k) => (value ? k % size : FAR));
  for (let step = size >> 1; step; step >>= 1) {
    for (const down of [-step, 0, step]) {
      for (const across of [-step, 0, step]) {
        const [nextRows, nextColumns] = [rows.slice(), columns.slice()];
        for (let y = Math.max(0, -down); y < size - Math.max(0, down); y++) {
          for (let x = Math.max(0, -across); x < size - Math.max(0, across); x++) {
            const at = y * size + x;
            const by = at + down * size + across;
            const other = (rows[by] - y) ** 2 + (columns[by] - x) ** 2;
            if (other >= (rows[at] - y) ** 2 + (columns[at] - x) ** 2) continue;
            nextRows[at] = rows[by];
            nextColumns[at] = columns[by];
          }
        }
        [rows, columns] = [nextRows, nextColumns];
      }
    }
  }
  return [rows, columns];
}
