/**
 * Resizing as Pillow does it, to the byte: the engine's squares are cut with it, and a model sees more of a picture's
 * sharpness than of anything else that resizing changes. Canvases resize otherwise in every browser.
 *
 * Filters are sampled at every target pixel over as many source pixels as it covers (antialiasing), weights are
 * integers of 22 bits, rows come before columns, and what lies between is rounded to bytes.
 */
import { black, type Picture, type Size } from "./picture";

export type Box = readonly [left: number, top: number, right: number, bottom: number];
export type Filter = "bicubic" | "bilinear" | "box";

export interface ResizeOptions {
  /** The part of the picture, in its pixels; all of it by default. */
  box?: Box;
  filter?: Filter;
  /** From this many times the target's size on, a box filter takes the first steps. */
  gap?: number;
}

interface Kernel {
  support: number;
  at: (distance: number) => number;
}

const A = -0.5;
const BITS = 22;
const HALF = 2 ** (BITS - 1);

const KERNELS: Record<Filter, Kernel> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    at: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    },
  },
};

/** `picture` in RGB at `size` (width, height). */
export function resize(picture: Picture, size: Size, options: ResizeOptions = {}): Picture {
  const kernel = KERNELS[options.filter ?? "bicubic"];
  const whole: Box = [0, 0, picture.width, picture.height];
  let box = options.box ?? whole;
  let from = picture;
  if (options.gap) {
    const factors = [0, 1].map((axis) => Math.trunc((box[axis + 2] - box[axis]) / size[axis] / options.gap!) || 1);
    if (factors[0] > 1 || factors[1] > 1) {
      const safe = safeBox(picture, size, box, kernel);
      from = reduce(picture, factors[0], factors[1], safe);
      box = box.map((edge, index) => (edge - safe[index % 2]) / factors[index % 2]) as unknown as Box;
    }
  }
  return resample(from, size, box.map(Math.fround) as unknown as Box, kernel);
}

/** The part of the picture that the filter will read. */
function safeBox(picture: Picture, size: Size, box: Box, kernel: Kernel): Box {
  const [x, y] = [0, 1].map((axis) => ((kernel.support - 0.5) * (box[axis + 2] - box[axis])) / size[axis]);
  return [
    Math.max(0, Math.trunc(box[0] - x)),
    Math.max(0, Math.trunc(box[1] - y)),
    Math.min(picture.width, Math.ceil(box[2] + x)),
    Math.min(picture.height, Math.ceil(box[3] + y)),
  ];
}

/** Means of cells of `across` times `down` pixels of the part `box`; those at the far edges may be smaller. */
function reduce(picture: Picture, across: number, down: number, box: Box): Picture {
  const [left, top, right, bottom] = box;
  const result = black(Math.ceil((right - left) / across), Math.ceil((bottom - top) / down));
  const { data, stride, width } = picture;
  for (let row = 0, to = 0; row < result.height; row++) {
    const y0 = top + row * down;
    const y1 = Math.min(y0 + down, bottom);
    for (let column = 0; column < result.width; column++) {
      const x0 = left + column * across;
      const x1 = Math.min(x0 + across, right);
      const cells = (x1 - x0) * (y1 - y0);
      const factor = Math.floor(2 ** 24 / cells);
      for (let channel = 0; channel < 3; channel++, to++) {
        let sum = Math.floor(cells / 2);
        for (let y = y0; y < y1; y++) {
          for (let x = x0; x < x1; x++) sum += data[(y * width + x) * stride + channel];
        }
        result.data[to] = (sum * factor) / 2 ** 24;
      }
    }
  }
  return result;
}

interface Taps {
  /** First source pixel of every target pixel. */
  starts: Int32Array;
  counts: Int32Array;
  /** Weights of every target pixel, `most` places each: exact, or in whole numbers of 22 bits for bytes. */
  weights: Float64Array | Int32Array;
  most: number;
}

/** What every target pixel is made of, along one axis of `length` source pixels between `low` and `high`. */
function taps(length: number, low: number, high: number, target: number, kernel: Kernel): Taps {
  const scale = (high - low) / target;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const [starts, counts] = [new Int32Array(target), new Int32Array(target)];
  const weights = new Float64Array(target * most);
  for (let index = 0; index < target; index++) {
    const center = low + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(length, Math.trunc(center + support + 0.5)) - first;
    const exact = Array.from({ length: count }, (_, tap) => kernel.at((tap + first - center + 0.5) / stretch));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    exact.forEach((weight, tap) => (weights[index * most + tap] = sum ? weight / sum : weight));
    starts[index] = first;
    counts[index] = count;
  }
  return { starts, counts, weights, most };
}

/** The same for bytes. */
function rounded({ weights, ...taps }: Taps): Taps {
  const scaled = Int32Array.from(weights, (weight) => {
    const exact = weight * 2 ** BITS;
    return Math.trunc(exact + (exact < 0 ? -0.5 : 0.5));
  });
  return { ...taps, weights: scaled };
}

/** Rows first, and of these only what the columns will read. */
function resample(picture: Picture, size: Size, box: Box, kernel: Kernel): Picture {
  const columns = rounded(taps(picture.height, box[1], box[3], size[1], kernel));
  const first = columns.starts[0];
  const last = columns.starts[size[1] - 1] + columns.counts[size[1] - 1];
  const rows = alongRows(picture, first, last, rounded(taps(picture.width, box[0], box[2], size[0], kernel)));
  return alongColumns(rows, first, columns);
}

function alongRows(picture: Picture, first: number, last: number, taps: Taps): Picture {
  const { starts, counts, weights, most } = taps;
  const result = black(starts.length, last - first);
  const { data, stride } = picture;
  for (let y = first, to = 0; y < last; y++) {
    const row = y * picture.width;
    for (let x = 0; x < starts.length; x++, to += 3) {
      let [red, green, blue] = [HALF, HALF, HALF];
      let from = (row + starts[x]) * stride;
      for (let tap = x * most, end = tap + counts[x]; tap < end; tap++, from += stride) {
        red += data[from] * weights[tap];
        green += data[from + 1] * weights[tap];
        blue += data[from + 2] * weights[tap];
      }
      result.data[to] = byte(red);
      result.data[to + 1] = byte(green);
      result.data[to + 2] = byte(blue);
    }
  }
  return result;
}

/** `rows` begin with the picture's row number `first`. */
function alongColumns(rows: Picture, first: number, taps: Taps): Picture {
  const { starts, counts, weights, most } = taps;
  const result = black(rows.width, starts.length);
  const line = rows.width * 3;
  for (let y = 0, to = 0; y < starts.length; y++) {
    const begin = (starts[y] - first) * line;
    for (let place = 0; place < line; place++, to++) {
      let sum = HALF;
      let from = begin + place;
      for (let tap = y * most, end = tap + counts[y]; tap < end; tap++, from += line) {
        sum += rows.data[from] * weights[tap];
      }
      result.data[to] = byte(sum);
    }
  }
  return result;
}

/**
 * Values f32 (from, from, channels) as (to, to, channels), or of another height and width, bilinearly: what Pillow makes of
 * each plane as a picture of floats.
 */
export function resizeFloats(values: Float32Array, from: number, to: number | Size, channels = 1): Float32Array {
  const [width, height] = typeof to === "number" ? [to, to] : to;
  if (from === width && from === height) return values;
  const across = taps(from, 0, from, width, KERNELS.bilinear);
  const rows = new Float32Array(from * width * channels);
  for (let y = 0, at = 0; y < from; y++) {
    for (let x = 0; x < width; x++) {
      const begin = (y * from + across.starts[x]) * channels;
      for (let channel = 0; channel < channels; channel++, at++) {
        let sum = 0;
        for (let tap = 0; tap < across.counts[x]; tap++) {
          sum += values[begin + tap * channels + channel] * across.weights[x * across.most + tap];
        }
        rows[at] = sum;
      }
    }
  }
  const down = taps(from, 0, from, height, KERNELS.bilinear);
  const [result, line] = [new Float32Array(height * width * channels), width * channels];
  for (let y = 0, at = 0; y < height; y++) {
    for (let place = 0; place < line; place++, at++) {
      let sum = 0;
      for (let tap = 0; tap < down.counts[y]; tap++) {
        sum += rows[(down.starts[y] + tap) * line + place] * down.weights[y * down.most + tap];
      }
      result[at] = sum;
    }
  }
  return result;
}

function byte(sum: number): number {
  return Math.min(Math.max(sum >> BITS, 0), 255);
}
