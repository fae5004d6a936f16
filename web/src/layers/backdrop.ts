/** What is behind the person, completed once a source: runtime/layers/backdrop.py. */
import { clamp, roundHalfEven } from "../numbers";
import { resizeFloats } from "../resample";
import constants from "../shared/layers.json";
import { boxBlur } from "./blur";
import { WORK } from "./matte";

const { STEPS, CALM, DEEP, CELLS, RIDGE, REFITS, STRANGE } = constants.backdrop;

/**
 * What is behind the person, (size, size, 3): `canvas` where `alpha` says that nobody is near, and `seen` that there is a
 * photo; behind the outline its mirror image, and farther in what is around, spread from coarse to fine.
 */
export function backdrop(canvas: Float32Array, size: number, alpha: Float32Array, seen: Float32Array): Float32Array {
  const somebody = alpha.map((value) => Number(value > Math.fround(0.04)));
  const near = boxBlur(somebody, size, Math.max(2, roundHalfEven(size / 90)));
  const known = near.map((value, k) => clamp(1 - 40 * value, 0, 1) * seen[k]);
  if (!known.some((value) => value > 0.5)) return canvas.slice();
  const going = trend(canvas, size, known);
  const rest = canvas.map((value, k) => value - going[k]);
  // What is strange stays near where it is: a flag's red is not spread behind a head.
  const usual = known.map((value, k) => value / (1 + (rest[3 * k] ** 2 + rest[3 * k + 1] ** 2 + rest[3 * k + 2] ** 2) / STRANGE ** 2));
  const filled = spread(rest, size, usual);
  // Nothing but the backdrop in what is mirrored: at its soft ends the person would be seen.
  const bare = filled.map((value, k) => value + known[Math.floor(k / 3)] * (rest[k] - value));
  const mirror = mirrored(bare, size, known);
  return filled.map((value, k) => {
    const place = Math.floor(k / 3);
    const hidden = clamp(going[k] + value + mirror.weight[place] * (mirror.colour[k] - value), 0, 255);
    return hidden + known[place] * (canvas[k] - hidden);
  });
}

/** How colours of the backdrop change across the picture, (size, size, 3): see `_trend` of the engine. */
function trend(canvas: Float32Array, size: number, known: Float32Array): Float32Array {
  const weight = resizeFloats(known, size, CELLS);
  const seen = canvas.map((value, k) => value * known[Math.floor(k / 3)]);
  const colours = Float64Array.from(resizeFloats(seen, size, CELLS, 3), (value, k) => value / Math.max(weight[Math.floor(k / 3)], 1e-6));
  const terms = polynomial(CELLS);
  let trust = Float64Array.from(weight);
  let fitted: number[][] = [];
  for (let round = 0; round < REFITS; round++) {
    fitted = leastSquares(terms, colours, trust);
    trust = trust.map((_, k) => {
      const wrong = [0, 1, 2].reduce((sum, channel) => sum + (valueOf(terms[k], fitted[channel]) - colours[3 * k + channel]) ** 2, 0);
      return weight[k] / (1 + wrong / STRANGE ** 2);
    });
  }
  const [low, high] = [Array(3).fill(Infinity), Array(3).fill(-Infinity)];
  weight.forEach((value, k) => {
    if (value <= 0.5) return;
    for (let channel = 0; channel < 3; channel++) {
      low[channel] = Math.min(low[channel], colours[3 * k + channel]);
      high[channel] = Math.max(high[channel], colours[3 * k + channel]);
    }
  });
  const every = polynomial(size);
  const within = low[0] <= high[0];
  return canvas.map((_, k) => {
    const channel = k % 3;
    const value = valueOf(every[Math.floor(k / 3)], fitted[channel]);
    return within ? clamp(value, low[channel], high[channel]) : clamp(value, 0, 255);
  });
}

/** 1, x, y and their products at the places of (size, size) pixels in [-1, 1]. */
function polynomial(size: number): number[][] {
  const at = (k: number): number => (2 * k + 1) / size - 1;
  return Array.from({ length: size * size }, (_, k) => {
    const [x, y] = [at(k % size), at(Math.floor(k / size))];
    return [1, x, y, x * x, x * y, y * y];
  });
}

const valueOf = (terms: number[], factors: number[]): number => terms.reduce((sum, term, k) => sum + term * factors[k], 0);

/** Three rows of factors: of `terms`, for the three channels of `colours`, each place weighed by `trust`; held back. */
function leastSquares(terms: number[][], colours: Float64Array, trust: Float64Array): number[][] {
  const count = terms[0].length;
  const rows = Array.from({ length: count }, (_, k) =>
    Array.from({ length: count + 3 }, (_, other) => (k === other && k > 0 ? RIDGE : 0)),
  );
  terms.forEach((term, place) => {
    for (let k = 0; k < count; k++) {
      const weighed = trust[place] * term[k];
      for (let other = 0; other < count; other++) rows[k][other] += weighed * term[other];
      for (let channel = 0; channel < 3; channel++) rows[k][count + channel] += weighed * colours[3 * place + channel];
    }
  });
  return solved(rows, count);
}

/** What solves `count` equations, the columns after these being the right sides; one row for each (Gauss and Jordan). */
function solved(rows: number[][], count: number): number[][] {
  for (let k = 0; k < count; k++) {
    const pivot = rows.reduce((best, row, at) => (at >= k && Math.abs(row[k]) > Math.abs(rows[best][k]) ? at : best), k);
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    const whole = rows[k].map((value) => value / rows[k][k]);
    rows = rows.map((row, at) => (at === k ? whole : row.map((value, column) => value - row[k] * whole[column])));
  }
  return [0, 1, 2].map((side) => rows.map((row) => row[count + side]));
}

/** What is `known` of the `canvas` in all of it, from coarse to fine. */
export function spread(canvas: Float32Array, size: number, known: Float32Array): Float32Array {
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
  const [there, edge] = [new Int32Array(size * size), new Int32Array(size * size)];
  const weight = new Float32Array(size * size);
  const single = Math.fround;
  for (let k = 0; k < weight.length; k++) {
    const unit = Math.max(single(Math.hypot(calm[2 * k], calm[2 * k + 1])), single(1e-3));
    const reach = single(length[k] * single(size / STEPS));
    const [across, down] = [calm[2 * k], calm[2 * k + 1]].map((value) => single(single(value / unit) * reach));
    const pixel = (times: number): number => {
      const column = roundHalfEven(clamp(single((k % size) + single(times * across)), 0, size - 1));
      return roundHalfEven(clamp(single(Math.floor(k / size) + single(times * down)), 0, size - 1)) * size + column;
    };
    [there[k], edge[k]] = [pixel(2), pixel(1)];
    weight[k] = known[there[k]] * clamp((DEEP - Math.hypot(across, down) / size) / (DEEP / 2), 0, 1);
  }
  const little = Math.max(1, roundHalfEven(size / 128));
  const colour = likeBeside(canvas, size, there, edge, little);
  return { colour, weight: boxBlur(weight, size, little) };
}

/**
 * What `canvas` shows `there` where that is like what lies beside the outline, at its `edge`; else that: what lies beyond it, a
 * flag or a picture's frame, is not seen twice.
 */
function likeBeside(
  canvas: Float32Array,
  size: number,
  there: Int32Array,
  edge: Int32Array,
  little: number,
): Float32Array {
  const at = (picture: Float32Array, places: Int32Array): Float32Array =>
    Float32Array.from(picture, (_, k) => picture[3 * places[Math.floor(k / 3)] + (k % 3)]);
  const soft = boxBlur(canvas, size, 2 * little, 3);
  const beside = boxBlur(at(soft, edge), size, 2 * little, 3);
  const [mirrored, softly] = [at(canvas, there), at(soft, there)];
  const unlike = (k: number): number => [0, 1, 2].reduce((sum, c) => sum + (softly[3 * k + c] - beside[3 * k + c]) ** 2, 0) / 3;
  const like = boxBlur(Float32Array.from(there, (_, k) => 1 / (1 + unlike(k) / STRANGE ** 2)), size, little);
  return beside.map((value, k) => value + like[Math.floor(k / 3)] * (mirrored[k] - value));
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
