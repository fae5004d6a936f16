/** The vectors that web/tools/share.py writes, as the modules take them. */
import { expect } from "vitest";
import type { Face } from "../src/faces";
import type { Parameters } from "../src/kinds";
import type { Motion } from "../src/motion";
import { black, type Picture } from "../src/picture";

/** Whether numbers are those that are expected; colours are 0 ... 255, all else about 1. */
export function near(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4): void {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  for (let k = 0; k < expected.length; k++) worst = Math.max(worst, Math.abs(found[k] - expected[k]));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

export function motionFrom(arrays: Record<string, number[] | undefined>, parameters: object): Motion {
  const entries = Object.entries(arrays).map(([name, values]) => [name, Float32Array.from(values!)]);
  return { arrays: Object.fromEntries(entries), parameters: parameters as Parameters };
}

export function faceFrom([left, top, right, bottom, score]: number[]): Face {
  return { left, top, right, bottom, score, landmarks: [] };
}

/** The picture `drawn` of web/tools/share.py. */
export function drawn(width: number, height: number): Picture {
  const picture = black(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++, at++) {
        picture.data[at] = (x * 37 + y * 91 + channel * 53 + Math.floor((x * y) / 3) * 7) % 256;
      }
    }
  }
  return picture;
}

/** The same with a fourth byte a pixel, as canvases give it. */
export function withAlpha({ width, height, data }: Picture): Picture {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) rgba.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  return { width, height, stride: 4, data: rgba };
}

/** `disc` of web/tools/layer_vectors.py. */
export function disc(size: number, [x, y, radius]: number[]): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => {
    const away = Math.hypot((at % size) - x, Math.floor(at / size) - y);
    return Math.min(Math.max((radius - away) / 8 + 0.5, 0), 1);
  });
}
