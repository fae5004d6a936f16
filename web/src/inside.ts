/** What is moved stays in its picture: runtime/motion/inside.py. */
import { places, withArrays, withPlaces, type Motion } from "./motion";
import { quantile } from "./numbers";

/** Part of the points that may lie outside on each side of the core, and how far from the middle that may reach. */
const CORE = 0.15;
const EDGE = 0.95;
/** How much lies around the core on each side, in sizes of it; and the part of the room beyond over which all moves freely. */
const [AROUND, FREELY] = [0.3, 0.5];
/** So much room there is at least, as far as the core has it. */
const LEAST = 0.15;

/** What knows which edges of a photo cut the head: `Layers`. */
export interface Holding {
  held(places: Float32Array): Float32Array;
}

/** `driven` so that it stays in its picture: not too near to the edge, and if something is `holding` the head, held. */
export function keptInside(source: Motion, driven: Motion, holding?: Holding): Motion {
  if (!places(driven).length) return driven;
  const slower = slowedDown(source, driven);
  return holding ? withPlaces(slower, holding.held(places(slower))) : slower;
}

/** `driven`, shifted as a whole where the core of its points would leave the picture further than that of `source` does. */
function slowedDown(source: Motion, driven: Motion): Motion {
  const [before, now] = [core(places(source)), core(places(driven))];
  const shift = [0, 1].map((axis) => {
    const [least, most] = [Math.min(before[axis].low, -EDGE), Math.max(before[axis].high, EDGE)];
    const { low: first, high: last } = before[axis];
    const room = (core: number): number => Math.max(core - AROUND * (last - first), Math.min(core, LEAST));
    const slowed = beyond(first - now[axis].low, room(first - least)) - beyond(now[axis].high - last, room(most - last));
    const [low, high] = [now[axis].low + slowed, now[axis].high + slowed];
    // What is larger than the room that it has gets as far outside on both sides.
    if (high - low > most - least) return slowed + (least + most - low - high) / 2;
    return slowed + Math.max(least - low, 0) - Math.max(high - most, 0);
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

/** By how much a `way` towards an edge is too long, that is so far away: `room`. */
function beyond(way: number, room: number): number {
  const more = Math.max(way - FREELY * room, 0);
  const slow = Math.max(room - FREELY * room, 1e-9);
  return more - slow * Math.tanh(more / slow);
}

function core(points: Float32Array): { low: number; high: number }[] {
  return [0, 1].map((axis) => {
    const along = Array.from(points).filter((_, at) => at % 2 === axis);
    return { low: quantile(along, CORE), high: quantile(along, 1 - CORE) };
  });
}
