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
