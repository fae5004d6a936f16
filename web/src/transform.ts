/** Pictures turned as Pillow turns them, to the byte: `Image.transform` with AFFINE and BILINEAR. */
import { clamp } from "./numbers";
import { black, type Picture } from "./picture";

/** x' = a x + b y + c and y' = d x + e y + f, for the middles of pixels. */
export type Coefficients = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** RGB bytes (side, side, 3): what `picture` shows where the map takes the pixels of a square; black outside. */
export function transform(picture: Picture, side: number, [a, b, c, d, e, f]: Coefficients): Uint8Array {
  const { width, height } = picture;
  const result = black(side, side).data;
  for (let row = 0, to = 0; row < side; row++) {
    for (let column = 0; column < side; column++, to += 3) {
      const across = a * (column + 0.5) + b * (row + 0.5) + c;
      const down = d * (column + 0.5) + e * (row + 0.5) + f;
      if (across >= 0 && across < width && down >= 0 && down < height) sample(picture, across - 0.5, down - 0.5, result, to);
    }
  }
  return result;
}

/** The colour at a place between pixels, into `to` from `at` on. */
function sample({ width, height, stride, data }: Picture, x: number, y: number, to: Uint8Array, at: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const one = (clamp(top, 0, height - 1) * width + clamp(left, 0, width - 1)) * stride;
  const across = (clamp(left + 1, 0, width - 1) - clamp(left, 0, width - 1)) * stride;
  const down = (clamp(top + 1, 0, height - 1) - clamp(top, 0, height - 1)) * width * stride;
  for (let from = one; from < one + 3; from++, at++) {
    const upper = data[from] + (data[from + across] - data[from]) * (x - left);
    const lower = data[from + down] + (data[from + down + across] - data[from + down]) * (x - left);
    to[at] = upper + (lower - upper) * (y - top);
  }
}
