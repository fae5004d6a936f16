/** Means over squares: `box_blur` of runtime/layers/matte.py. */

/** Of values (size, size, channels), over 2 `radius` + 1 pixels; at the border over what lies inside. */
export function boxBlur(values: Float32Array, size: number, radius: number, channels = 1): Float32Array {
  const result = new Float32Array(values.length);
  const line = size * channels;
  for (let place = 0; place < line; place++) blurLine(values, result, place, line, size, radius);
  const rows = result.slice();
  for (let y = 0; y < size; y++) {
    for (let channel = 0; channel < channels; channel++) blurLine(rows, result, y * line + channel, channels, size, radius);
  }
  return result;
}

/** `length` values from `begin` on, `step` apart. */
function blurLine(
  from: Float32Array,
  to: Float32Array,
  begin: number,
  step: number,
  length: number,
  radius: number,
): void {
  const sums = new Float64Array(length + 1);
  for (let k = 0, at = begin; k < length; k++, at += step) sums[k + 1] = sums[k] + from[at];
  for (let k = 0, at = begin; k < length; k++, at += step) {
    const [low, high] = [Math.max(k - radius, 0), Math.min(k + radius + 1, length)];
    to[at] = (sums[high] - sums[low]) / (high - low);
  }
}
