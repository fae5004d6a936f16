/** Python's `round`: halves go to the even neighbour, as in the engine whose pixels are to be met. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const nearest = value - below !== 0.5 || below % 2 !== 0 ? Math.round(value) : below;
  return nearest + 0; // never -0
}

/** `value`, brought into [low, high]. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** `value` on the line through the places (`from`, `to`), of which `from` rises; beyond its ends, that of the ends. */
export function interpolate(value: number, from: ArrayLike<number>, to: ArrayLike<number>): number {
  const last = from.length - 1;
  if (!(value > from[0])) return to[0];
  if (value >= from[last]) return to[last];
  let k = 1;
  while (from[k] <= value) k++;
  return to[k - 1] + ((value - from[k - 1]) / (from[k] - from[k - 1])) * (to[k] - to[k - 1]);
}

/** 0 up to 0, 1 from 1 on, smoothly in between. */
export function smooth(value: number): number {
  const x = clamp(value, 0, 1);
  return x * x * (3 - 2 * x);
}

/** The value below which the part `at` of `values` lies, on the line between the two nearest: numpy's `quantile`. */
export function quantile(values: ArrayLike<number>, at: number): number {
  const ordered = Array.from(values).sort((one, other) => one - other);
  const place = at * (ordered.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ordered.length - 1);
  return ordered[below] + (place - below) * (ordered[above] - ordered[below]);
}

/** `count` numbers at equal distances, from the first to the last of them: numpy's `linspace`. */
export function linspace(first: number, last: number, count: number): Float64Array {
  const step = (last - first) / (count - 1);
  return Float64Array.from({ length: count }, (_, k) => (k === count - 1 ? last : first + k * step));
}
