/** The square that is moved, with what the picture shows around it: runtime/layers/canvas.py. */
import { clamp } from "../numbers";
import type { Picture } from "../picture";
import { Window } from "../window";
import type { Point } from "./frames";
import { pointsOf } from "./points";

/** Rows, or columns, from `start` to before `stop`. */
export interface Span {
  start: number;
  stop: number;
}

/** The square that is moved with what the picture shows around it, so that nothing ends at the square's edge. */
export class Canvas {
  constructor(
    /** A square picture. */
    readonly picture: Picture,
    /** Pixels around the square. */
    readonly margin: number,
    /** What the photo itself shows; beyond it its border is repeated. */
    readonly rows: Span,
    readonly columns: Span,
  ) {}

  /** `square`, RGB bytes (size, size, 3), is the `window` of `image`; without one, all that is known. */
  static around(square: Uint8Array, size: number, image: Picture, window?: Window): Canvas {
    const margin = Math.floor(size / (size <= 1024 ? 4 : 8));
    const whole = size + 2 * margin;
    const inner = { start: margin, stop: margin + size };
    if (!window) {
      const picture = { width: whole, height: whole, stride: 3, data: padded(square, size, margin) } as const;
      return new Canvas(picture, margin, inner, inner);
    }
    const more = (window.side * margin) / size;
    const wide = new Window(window.left - more, window.top - more, window.side + 2 * more);
    const data = wide.cut(image, whole).slice();
    // The square as it is, not as it is resampled.
    for (let row = 0; row < size; row++) {
      data.set(square.subarray(row * size * 3, (row + 1) * size * 3), ((row + margin) * whole + margin) * 3);
    }
    const extent = [image.width, image.height] as const;
    const [near, far] = [window.place(extent, size), wide.place(extent, whole)];
    const rows = within(far.row, far.height, near.row, near.height, inner);
    const columns = within(far.column, far.width, near.column, near.width, inner);
    return new Canvas({ width: whole, height: whole, stride: 3, data }, margin, rows, columns);
  }

  /** Pixels along a side. */
  get size(): number {
    return this.picture.width;
  }

  /** The same of the square. */
  get side(): number {
    return this.size - 2 * this.margin;
  }

  /** Pixels of `points` (K, 2) in [-1, 1] of a model of that `resolution`. */
  places(points: ArrayLike<number>, resolution: number): Point[] {
    const place = (value: number): number =>
      ((((value + 1) / 2) * (resolution - 1) + 0.5) / resolution) * this.side + this.margin - 0.5;
    return pointsOf(points).map(([x, y]) => [place(x), place(y)]);
  }
}

/** Pixels of the canvas that are the photo's, by what it shows and what its square `inner` does, both rounded. */
function within(first: number, length: number, nearer: number, near: number, inner: Span): Span {
  const start = nearer === 0 ? first : Math.max(first, inner.start + nearer);
  const whole = nearer + near === inner.stop - inner.start;
  return { start, stop: whole ? first + length : Math.min(first + length, inner.start + nearer + near) };
}

function padded(square: Uint8Array, size: number, margin: number): Uint8Array {
  const whole = size + 2 * margin;
  const data = new Uint8Array(whole * whole * 3);
  for (let y = 0, to = 0; y < whole; y++) {
    const row = clamp(y - margin, 0, size - 1) * size;
    for (let x = 0; x < whole; x++, to += 3) {
      const from = (row + clamp(x - margin, 0, size - 1)) * 3;
      data.set(square.subarray(from, from + 3), to);
    }
  }
  return data;
}
