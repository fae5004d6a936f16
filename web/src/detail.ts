/** Matrices that interpolate and blur along an axis: those of runtime/result/detail.py. Row by row, single precision. */
import { clamp } from "./numbers";

/** (large, small): bicubic interpolation along an axis of `small` pixels, edge to edge with one of `large`. */
export function enlarging(small: number, large: number): Float32Array {
  return interpolating(pixels(small, large), small);
}

/**
 * (size, cells): the same for a flow of `cells` whose first and last lie on the middle of the first and last of
 * `resolution` pixels.
 */
export function spreading(cells: number, resolution: number, size: number): Float32Array {
  return interpolating(
    pixels(resolution, size).map((place) => (place * (cells - 1)) / (resolution - 1)),
    cells,
  );
}

/** (length, length): a Gaussian blur along an axis; at its ends what lies inside counts. */
export function blurring(length: number, deviation: number): Float32Array {
  const result = new Float32Array(length * length);
  for (let row = 0; row < length; row++) {
    const weights = Array.from({ length }, (_, column) => Math.exp(-0.5 * ((row - column) / deviation) ** 2));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    weights.forEach((weight, column) => (result[row * length + column] = weight / sum));
  }
  return result;
}

/** Where the middles of `large` pixels lie among those of `small` pixels, edge to edge. */
function pixels(small: number, large: number): number[] {
  return Array.from({ length: large }, (_, index) => ((index + 0.5) * small) / large - 0.5);
}

/** (places, length): values at `places` of an axis with samples at 0 ... length - 1; its ends are repeated. */
function interpolating(places: number[], length: number): Float32Array {
  const result = new Float32Array(places.length * length);
  places.forEach((place, row) => {
    const at = clamp(place, 0, length - 1);
    const exact = new Float64Array(length);
    for (let sample = -2; sample < length + 2; sample++) {
      exact[clamp(sample, 0, length - 1)] += keys(Math.abs(at - sample));
    }
    result.set(exact, row * length);
  });
  return result;
}

/** Keys 1981, a = -1/2. */
function keys(distance: number): number {
  if (distance < 1) return 1.5 * distance ** 3 - 2.5 * distance ** 2 + 1;
  return distance < 2 ? -0.5 * distance ** 3 + 2.5 * distance ** 2 - 4 * distance + 2 : 0;
}
