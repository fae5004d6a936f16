/** What is moved stays in its picture: runtime/motion/inside.py. */
import { places, withArrays, type Motion } from "./motion";
import { quantile } from "./numbers";

/** Part of the points that may lie outside on each side of the core, and how far from the middle that may reach. */
const CORE = 0.15;
const EDGE = 0.95;

/** `driven`, shifted as a whole where the core of its points would leave the picture further than that of `source` does. */
export function keptInside(source: Motion, driven: Motion): Motion {
  if (!places(driven).length) return driven;
  const [before, now] = [core(places(source)), core(places(driven))];
  const shift = [0, 1].map((axis) => {
    const [least, most] = [Math.min(before[axis].low, -EDGE), Math.max(before[axis].high, EDGE)];
    const { low, high } = now[axis];
    // What is larger than the room that it has gets as far outside on both sides.
    if (high - low > most - least) return (least + most - low - high) / 2;
    return Math.max(least - low, 0) - Math.max(high - most, 0);
  });
  if (!shift[0] && !shift[1]) return driven;
  const moved = Object.entries(driven.parameters)
    .filter(([name, { kind }]) => driven.arrays[name] && (kind === "point" || kind === "contour"))
    .map(([name, { shape }]) => {
      const space = shape[shape.length - 1];
      return [name, driven.arrays[name].map((value, at) => (at % space < 2 ? value + shift[at % space] : value))];
    });
  return withArrays(driven, Object.fromEntries(moved));
}

function core(points: Float32Array): { low: number; high: number }[] {
  return [0, 1].map((axis) => {
    const along = Array.from(points).filter((_, at) => at % 2 === axis);
    return { low: quantile(along, CORE), high: quantile(along, 1 - CORE) };
  });
}
