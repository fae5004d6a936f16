/** Means over squares: `box_blur` of runtime/layers/matte.py. */

/** Of values (size, size, channels), over 2 `radius` + 1 pixels; at the border over what lies inside. */
export function boxBlur(values: Float32Array, size: number, radius: number, channels = 1): Float32Array {
  const result = new Float32Array(values.length);
  const sums = new Float64Array(size + 1);
  /** The pixels of one line, from number `begin` on and `step` apart. */
  const blur = (from: Float32Array, begin: number, step: number): void => {
    for (let k = 0, at = begin; k < size; k++, at += step) sums[k + 1] = sums[k] + from[at];
    for (let k = 0, at = begin; k < size; k++, at += step) {
      const low = Math.max(k - radius, 0);
      const high = Math.min(k + radius + 1, size);
      result[at] = (sums[high] - sums[low]) / (high - low);
    }
  };
  const line = size * channels;
  for (let place = 0; place < line; place++) blur(values, place, line);
  for (let y = 0; y < size; y++) {
    for (let channel = 0; channel < channels; channel++) blur(result, y * line + channel, channels);
  }
  return result;
}
