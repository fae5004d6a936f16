/** Pictures turned as Pillow turns them, to the byte: `Image.transform` with AFFINE and BILINEAR. */
import { clamp } from "./numbers";
import { black, type Picture } from "./picture";

/** x' = a x + b y + c and y' = d x + e y + f, for the middles of pixels. */
export type Coefficients = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** RGB bytes (side, side, 3): what `picture` shows where the map takes the pixels of a square; black outside. */
export function transform(picture: Picture, side: number, [a, b, c, d, e, f]: Coefficients): Uint8Array {
  const { width, height, stride, data } = picture;
  const result = black(side, side).data;
  for (let row = 0, to = 0; row < side; row++) {
    for (let column = 0; column < side; column++, to += 3) {
      const [x, y] = [column + 0.5, row + 0.5];
      const [across, down] = [a * x + b * y + c, d * x + e * y + f];
      if (!(across >= 0 && across < width && down >= 0 && down < height)) continue;
      const [left, top] = [Math.floor(across - 0.5), Math.floor(down - 0.5)];
      const [dx, dy] = [across - 0.5 - left, down - 0.5 - top];
      const columns = [clamp(left, 0, width - 1), clamp(left + 1, 0, width - 1)];
      const rows = [clamp(top, 0, height - 1), clamp(top + 1, 0, height - 1)];
      const [one, two, three, four] = rows.flatMap((y) => columns.map((x) => (y * width + x) * stride));
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[one + channel] + (data[two + channel] - data[one + channel]) * dx;
        const lower = data[three + channel] + (data[four + channel] - data[three + channel]) * dx;
        result[to + channel] = upper + (lower - upper) * dy;
      }
    }
  }
  return result;
}
