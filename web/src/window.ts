/** A square part of a picture, cut out to the model's size: runtime/framing/window.py. */
import { clamp, roundHalfEven } from "./numbers";
import { black, type Picture, type Size } from "./picture";
import { resize, type Box } from "./resample";

/** Which part of the picture a window shows, and where in the square, in its pixels, that part lies. */
export interface Placement {
  box: Box;
  column: number;
  row: number;
  width: number;
  height: number;
}

/** A square in the pixels of an upright picture; it may leave the picture. */
export class Window {
  constructor(
    readonly left: number,
    readonly top: number,
    readonly side: number,
  ) {}

  /** The largest square in the middle of a picture of that size. */
  static centered([width, height]: Size): Window {
    const side = Math.min(width, height);
    return new Window((width - side) / 2, (height - side) / 2, side);
  }

  /** The square of that side whose middle is (x, y). */
  static around(x: number, y: number, side: number): Window {
    return new Window(x - side / 2, y - side / 2, side);
  }

  /** The same in whole pixels. */
  snapped(): Window {
    const side = Math.max(1, roundHalfEven(this.side));
    const [x, y] = [this.left + this.side / 2, this.top + this.side / 2];
    return new Window(roundHalfEven(x - side / 2), roundHalfEven(y - side / 2), side);
  }

  /** Whether any pixel of a picture of that size lies in it. */
  touches([width, height]: Size): boolean {
    return this.left < width && this.top < height && this.left + this.side > 0 && this.top + this.side > 0;
  }

  /**
   * The largest square in it that shows nothing outside of a picture of that size, as near to its middle as may be; at
   * least the part `least` of its side.
   */
  inside(size: Size, least: number): Window {
    const spans = [this.left, this.top].map((low, axis) => [Math.max(0, low), Math.min(size[axis], low + this.side)]);
    const side = Math.max(Math.min(...spans.map(([low, high]) => high - low)), least * this.side);
    const most = this.side - side;
    const [left, top] = [this.left, this.top].map((start, axis) => {
      const [low, high] = spans[axis];
      return clamp(clamp(start + most / 2, low, high - side), start, start + most);
    });
    return new Window(left, top, side);
  }

  /** Where a picture of that size lies when this window, which touches it, is cut to `target` pixels a side. */
  place(size: Size, target: number): Placement {
    const [x, y] = [this.left, this.top].map((low, axis) => {
      const [first, last] = [Math.max(0, low), Math.min(size[axis], low + this.side)];
      const start = Math.min(roundHalfEven(((first - low) / this.side) * target), target - 1);
      const end = Math.max(start + 1, roundHalfEven(((last - low) / this.side) * target));
      return { first, last, start, length: end - start };
    });
    const box: Box = [x.first, y.first, x.last, y.last];
    return { box, column: x.start, row: y.start, width: x.length, height: y.length };
  }

  /** This part of `picture` as RGB bytes (target, target, 3). Outside of the picture its border is repeated, or black. */
  cut(picture: Picture, target: number, outside: "border" | "black" = "border"): Uint8Array {
    const place = this.place([picture.width, picture.height], target);
    const part = resize(picture, [place.width, place.height], { box: place.box, gap: 3 });
    return fill(part, place, target, outside);
  }
}

function fill(part: Picture, place: Placement, target: number, outside: "border" | "black"): Uint8Array {
  if (part.width === target && part.height === target) return part.data as Uint8Array;
  const whole = black(target, target).data;
  for (let y = 0, to = 0; y < target; y++) {
    const row = Math.min(Math.max(y - place.row, 0), place.height - 1);
    for (let x = 0; x < target; x++, to += 3) {
      const column = Math.min(Math.max(x - place.column, 0), place.width - 1);
      if (outside === "black" && (row !== y - place.row || column !== x - place.column)) continue;
      const from = (row * place.width + column) * 3;
      whole.set(part.data.subarray(from, from + 3), to);
    }
  }
  return whole;
}
