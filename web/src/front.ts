/** What stands in front where no face is found: animals, statues, toys. runtime/framing/front.py. */
import { SIDE, type PersonNetwork } from "./layers/matte";
import type { Picture, Size } from "./picture";
import { resize } from "./resample";
import constants from "./shared/layers.json";
import { Window } from "./window";

const { COARSE } = constants.matte;
/** Mean probability from which on a cell belongs to it; mean probability of all of it, and part of the picture, at least. */
const CELL = 0.35;
const SURE = 0.6;
const LEAST = 0.02;
/** Part of it that may lie outside its box on each side. */
const EDGE = 0.02;
/** Side of the square in widths of the box, at least in lengths, and how far below its top the head's is. */
const NARROW = 1.2;
const LONG = 0.8;
const ABOVE = 0.08;

/** One square around the heads of what stands in front in `pictures`, of one size; none where less than half show it. */
export async function findFront(pictures: Picture[], look: PersonNetwork): Promise<Window | undefined> {
  const size: Size = [pictures[0].width, pictures[0].height];
  const heads: Window[] = [];
  for (const picture of pictures) {
    const { data } = resize(picture, [SIDE, SIDE], { filter: "bilinear", gap: 2 });
    const head = headOf(await look(Uint8Array.from(data), 1), size);
    if (head) heads.push(head);
  }
  if (2 * heads.length < Math.max(pictures.length, 1)) return undefined;
  const [xs, ys] = [heads.map(({ left, side }) => left + side / 2), heads.map(({ top, side }) => top + side / 2)];
  const [low, high] = [Math.min, Math.max].map((end) => [end(...xs), end(...ys)]);
  const usual = heads.map(({ side }) => side).sort((one, other) => one - other)[Math.floor(heads.length / 2)];
  const side = Math.min(usual + Math.max(high[0] - low[0], high[1] - low[1]), ...size);
  const [left, top] = size.map((length, axis) => Math.min(Math.max((low[axis] + high[axis]) / 2 - side / 2, 0), length - side));
  return new Window(left, top, side);
}

/** The square around the head of what the probabilities `person` (SIDE, SIDE) mark; it may leave the picture. */
export function headOf(person: Float32Array, size: Size): Window | undefined {
  const marked = largest(person);
  const surely = marked.filter((value) => value > 0.1);
  const mean = surely.reduce((sum, value) => sum + value, 0) / surely.length;
  if (marked.filter((value) => value > 0.5).length < LEAST * marked.length || !(mean >= SURE)) return undefined;
  const [across, down] = size.map((length) => length / SIDE);
  const [left, right] = reach(sums(marked, 0, SIDE));
  const rows = Float64Array.from({ length: SIDE }, (_, row) => marked.subarray(row * SIDE, (row + 1) * SIDE).reduce((a, b) => a + b, 0));
  const [top, bottom] = reach(rows);
  const [width, height] = [(right - left) * across, (bottom - top) * down];
  const side = Math.max(NARROW * Math.min(width, height), LONG * Math.max(width, height));
  const upper = sums(marked, top, Math.min(SIDE, top + Math.max(1, Math.round((0.8 * side) / down))));
  const total = upper.reduce((sum, value) => sum + value, 0);
  const x = (upper.reduce((sum, value, k) => sum + value * (k + 0.5), 0) / total) * across;
  return Window.around(x, top * down + (0.5 - ABOVE) * side, side);
}

/** `person` where its largest part that hangs together is; 0 elsewhere. */
export function largest(person: Float32Array): Float64Array {
  const step = SIDE / COARSE;
  const means = new Float64Array(COARSE * COARSE);
  const cellOf = (k: number): number => Math.floor(Math.floor(k / SIDE) / step) * COARSE + Math.floor((k % SIDE) / step);
  person.forEach((value, k) => (means[cellOf(k)] += value / step ** 2));
  const parts = Uint16Array.from(means, (mean) => Number(mean > CELL));
  let [most, best] = [0, 0];
  for (let cell = 0, number = 2; cell < parts.length; cell++) {
    if (parts[cell] !== 1) continue;
    const count = fill(parts, cell, number);
    if (count > most) [most, best] = [count, number];
    number++;
  }
  return Float64Array.from(person, (value, k) => (best && parts[cellOf(k)] === best ? value : 0));
}

/** Number the cells that hang together with `start`; how many they are. */
function fill(parts: Uint16Array, start: number, number: number): number {
  const queue = [start];
  parts[start] = number;
  let count = 0;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    count++;
    const x = at % COARSE;
    for (const next of [at - COARSE, at + COARSE, ...(x ? [at - 1] : []), ...(x < COARSE - 1 ? [at + 1] : [])]) {
      if (parts[next] !== 1) continue; // also beyond the first and the last row
      parts[next] = number;
      queue.push(next);
    }
  }
  return count;
}

/** Sums of the rows from `top` to before `bottom`, for each column. */
function sums(values: Float64Array, top: number, bottom: number): Float64Array {
  const found = new Float64Array(SIDE);
  for (let k = top * SIDE; k < bottom * SIDE; k++) found[k % SIDE] += values[k];
  return found;
}

/** From where to where all but the outermost of `weights` are. */
function reach(weights: Float64Array): [number, number] {
  const total = weights.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  const parts = Array.from(weights, (value) => (sum += value) / total);
  const [low, high] = [EDGE, 1 - EDGE].map((part) => parts.findIndex((value) => value >= part));
  return [low, high + 1];
}
