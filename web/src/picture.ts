/** Pixels in memory, and the largest square in their middle. */
import { resize } from "./resample";

/** Rows of pixels from the top, `stride` bytes each, of which the first three are red, green and blue. */
export interface Picture {
  width: number;
  height: number;
  stride: 3 | 4;
  data: Uint8Array | Uint8ClampedArray;
}

export type Size = readonly [width: number, height: number];

export const MIN_SIDE = 16;

/** An RGB picture that is black all over. */
export function black(width: number, height: number): Picture & { data: Uint8Array; stride: 3 } {
  return { width, height, stride: 3, data: new Uint8Array(width * height * 3) };
}

/** The largest square in the middle of `picture` as RGB bytes (size, size, 3): `square` of runtime/media/picture.py. */
export function square(picture: Picture, size: number): Uint8Array {
  const side = Math.min(picture.width, picture.height);
  const left = (picture.width - side) / 2;
  const top = (picture.height - side) / 2;
  return resize(picture, [size, size], { box: [left, top, left + side, top + side] }).data as Uint8Array;
}

/** RGBA bytes for a canvas from RGB bytes. */
export function toRgba(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = rgb.length / 3;
  const rgba = new Uint8ClampedArray(pixels * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from];
    rgba[to + 1] = rgb[from + 1];
    rgba[to + 2] = rgb[from + 2];
    rgba[to + 3] = 255;
  }
  return rgba;
}
