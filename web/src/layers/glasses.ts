/** What is about a driver's eyes is theirs, their glasses above all: runtime/layers/glasses.py says how it is left out. */
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import { covered } from "./residual";

const { EYES, AXES, EASED, NEAR } = constants.glasses;

/** Of every cell, how much of it is about the eyes, and how much is near it that is not; how near cells along a side are. */
interface About {
  about: Float64Array;
  near: Float64Array;
  known: Float64Array;
}
const known = new Map<number, About>();

/** A `residual` (side, side, 3) with what is around the eyes in place of what is about them. */
export function withoutGlasses(residual: ArrayLike<number>): Float32Array {
  const side = Math.sqrt(residual.length / 3);
  const { about, near, known } = aboutEyes(side);
  const result = Float32Array.from(residual);
  for (let part = 0; part < 3; part++) {
    const kept = about.map((share, at) => finite(residual[3 * at + part]) * (1 - share));
    const around = blurred(kept, near, side);
    about.forEach((share, at) => {
      const value = finite(residual[3 * at + part]);
      result[3 * at + part] = value + share * (around[at] / known[at] - value);
    });
  }
  return result;
}

function aboutEyes(side: number): About {
  const found = known.get(side);
  if (found) return found;
  const cells = covered(side);
  const near = new Float64Array(side * side).map((_, k) => {
    const away = (cells[Math.floor(k / side)][0] - cells[k % side][0]) / NEAR;
    return Math.exp(-(away ** 2) / 2);
  });
  const about = Float64Array.from(cells, ([x, y]) => {
    const away = EYES.map(([left, top]) => Math.hypot((x - left) / AXES[0], (y - top) / AXES[1]));
    return clamp((1 + EASED - Math.min(...away)) / EASED, 0, 1);
  });
  const made = { about, near, known: blurred(about.map((share) => 1 - share), near, side) };
  known.set(side, made);
  return made;
}

/** `values` (side, side), each the sum of those `near` it, weighted so. */
function blurred(values: Float64Array, near: Float64Array, side: number): Float64Array {
  const across = summed(values, near, side, (row, column) => row * side + column);
  return summed(across, near, side, (column, row) => row * side + column);
}

function summed(
  values: Float64Array,
  near: Float64Array,
  side: number,
  at: (line: number, along: number) => number,
): Float64Array {
  const result = new Float64Array(side * side);
  for (let line = 0; line < side; line++)
    for (let to = 0; to < side; to++) {
      let sum = 0;
      for (let from = 0; from < side; from++) sum += near[to * side + from] * values[at(line, from)];
      result[at(line, to)] = sum;
    }
  return result;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
