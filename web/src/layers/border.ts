/** Beyond the photo's border, where person and backdrop go on: runtime/layers/border.py. */
import { clamp, interpolate, roundHalfEven } from "../numbers";
import constants from "../shared/layers.json";
import { backdrop, spread } from "./backdrop";
import type { Canvas, Span } from "./canvas";
import type { Affine } from "./frames";

const { SURE, DEEP, LOOK, SOFT } = constants.border;
type Slopes = readonly (readonly number[])[];
const [DOWN, UP, BESIDE]: Slopes[] = [constants.border.DOWN, constants.border.UP, constants.border.BESIDE];

/** A canvas taken apart, and complete: RGB 0 ... 255 (c, c, 3) as a whole, alpha (c, c), and the backdrop (c, c, 3). */
export interface Scene {
  picture: Float32Array;
  alpha: Float32Array;
  plate: Float32Array;
}

/** Values (height, width). */
interface Sheet {
  values: Float32Array;
  width: number;
  height: number;
}

/** The scene of which `canvas` shows a part, `alpha` being the person's in it. `head`: from the head's own frame. */
export function complete(canvas: Canvas, alpha: Float32Array, head: Affine): Scene {
  const { size, rows, columns } = canvas;
  const colours = Float32Array.from(canvas.picture.data);
  const inside = (k: number): boolean => holds(rows, Math.floor(k / size)) && holds(columns, k % size);
  const seen = alpha.map((_, k) => Number(inside(k)));
  const plate = backdrop(colours, size, alpha, seen);
  if (seen.every(Boolean)) return { picture: colours, alpha, plate };
  const at = Uint32Array.from(alpha, (_, k) => mirrored(rows, Math.floor(k / size)) * size + mirrored(columns, k % size));
  const faced = face(head, size);
  // Clothes go on as their mirror image, and as what is next to that where a backdrop or a face would be mirrored.
  const known = alpha.map((_, k) => {
    const sure = Number(alpha[at[k]] > Math.fround(SURE));
    return inside(k) ? sure : sure * (1 - faced[at[k]]) * shallow(rows, columns, k, size);
  });
  const shown = colours.map((_, k) => colours[3 * at[Math.floor(k / 3)] + (k % 3)]);
  const own = known.some(Boolean) ? spread(shown, size, known) : colours;
  const grown = continued(alpha, size, rows, columns);
  const picture = colours.slice();
  const behind = plate.slice();
  for (let k = 0; k < picture.length; k++) {
    const place = Math.floor(k / 3);
    if (inside(place)) continue;
    behind[k] = plate[3 * at[place] + (k % 3)];
    const person = own[k] + known[place] * (shown[k] - own[k]);
    picture[k] = clamp(roundHalfEven(grown[place] * person + (1 - grown[place]) * behind[k]), 0, 255);
  }
  return { picture, alpha: grown, plate: behind };
}

const holds = ({ start, stop }: Span, k: number): boolean => k >= start && k < stop;

/** 1 where face and neck are. */
function face(head: Affine, size: number): Uint8Array {
  const own = head.inverse();
  return Uint8Array.from({ length: size * size }, (_, k) => {
    const [x, y] = own.at([k % size, Math.floor(k / size)]);
    return Number(Math.hypot(x / 0.85, (y - 0.45) / 1.3) < 1);
  });
}

/** 1 in the photo, and less the farther beyond it: of a tie one sees no second one. */
function shallow(rows: Span, columns: Span, k: number, size: number): number {
  const beyond = ({ start, stop }: Span, at: number): number => Math.max(start - at, at - stop + 1) / size;
  const depth = Math.max(beyond(rows, Math.floor(k / size)), beyond(columns, k % size));
  return clamp((DEEP - depth) / (DEEP / 2), 0, 1);
}

/** The row, or column, of the photo that number `k` mirrors. */
function mirrored({ start, stop }: Span, k: number): number {
  const length = stop - start;
  const at = (((k - start) % (2 * length)) + 2 * length) % (2 * length);
  return start + (at < length ? at : 2 * length - 1 - at);
}

/** `alpha` with the outline going on beyond the photo the way it leads there. */
function continued(alpha: Float32Array, size: number, rows: Span, columns: Span): Float32Array {
  const look = Math.max(2, Math.floor(size / LOOK));
  const [height, width] = [rows.stop - rows.start, columns.stop - columns.start];
  let sheet = filled(width, height, (x, y) => alpha[(y + rows.start) * size + x + columns.start]);
  sheet = below(sheet, size - rows.stop, look, DOWN);
  sheet = flipped(below(flipped(sheet), rows.start, look, UP, true));
  sheet = below(turned(sheet), size - columns.stop, look, BESIDE);
  return turned(flipped(below(flipped(sheet), columns.start, look, BESIDE))).values;
}

function filled(width: number, height: number, value: (x: number, y: number) => number): Sheet {
  const values = Float32Array.from({ length: width * height }, (_, k) => value(k % width, Math.floor(k / width)));
  return { values, width, height };
}

const flipped = ({ values, width, height }: Sheet): Sheet =>
  filled(width, height, (x, y) => values[(height - 1 - y) * width + x]);
const turned = ({ values, width, height }: Sheet): Sheet => filled(height, width, (x, y) => values[x * width + y]);

/**
 * The sheet with `count` rows more after its last one. Where it `isRound` every stretch of the person that has two ends closes
 * in an arc, as heads do.
 */
function below(sheet: Sheet, count: number, look: number, slopes: Slopes, isRound = false): Sheet {
  const { values, width, height } = sheet;
  const last = values.subarray((height - 1) * width);
  const from = Math.max(0, height - 1 - look) * width;
  const before = values.subarray(from, from + width);
  const ways = [-1, 1].flatMap((side, end) => {
    const known = crossings(before, -side);
    return crossings(last, -side).map((place) => {
      const near = known.filter((other) => Math.abs(other - place) <= 2 * look);
      const nearest = near.reduce((best, other) => (Math.abs(other - place) < Math.abs(best - place) ? other : best), near[0]);
      const slope = near.length ? (side * (place - nearest)) / look : 0;
      return [place, side * clamp(slope, slopes[end][0], slopes[end][1])];
    });
  });
  ways.sort((one, two) => one[0] - two[0]);
  const places = ways.map(([place]) => place);
  const half = isRound ? halves(last, places) : places.map(() => 0);
  const result = new Float32Array((height + count) * width);
  result.set(values);
  for (let step = 1; step <= count; step++) {
    let far = -Infinity;
    const within = ways.map(([, way], k) => arc(half[k], Math.abs(way), step));
    const moved = ways.map(([place, way], k) => {
      return (far = Math.max(far, place + (half[k] ? Math.sign(way) * within[k] : step * way)));
    });
    const back = places.map((place, k) => place - moved[k]);
    const closed = [...moved.keys()].filter((k) => half[k] && within[k] >= half[k]);
    for (let x = 0, to = (height + step - 1) * width; x < width; x++, to++) {
      const at = clamp(ways.length ? x + interpolate(x, moved, back) : x, 0, width - 1);
      const low = Math.min(Math.floor(at), Math.max(0, width - 2));
      const next = Math.min(low + 1, width - 1);
      result[to] = last[low] + (at - low) * (last[next] - last[low]);
      // What has closed leaves nothing: else its soft ends would be a line.
      if (closed.some((k) => Math.abs(x - moved[k]) <= half[k] + SOFT)) result[to] = 0;
    }
  }
  return { values: result, width, height: height + count };
}

/** Half the width of the stretch of the person in `row` that begins or ends at each of `places`; 0 for one without another end. */
function halves(row: Float32Array, places: readonly number[]): number[] {
  const half = places.map(() => 0);
  for (let start = Number(row[0] > 0.5); start + 1 < places.length; start += 2) {
    half[start] = half[start + 1] = (places[start + 1] - places[start]) / 2;
  }
  return half;
}

/** How far within a stretch of width 2 `half` its ends are, `step` on, on the circle that begins at them with that `slope`. */
function arc(half: number, slope: number, step: number): number {
  const down = slope * half;
  return half - Math.sqrt(Math.max(half ** 2 + down ** 2 - (down + step) ** 2, 0));
}

/** Where along `row` alpha rises (`side` 1), or falls (-1), through a half. */
function crossings(row: Float32Array, side: number): number[] {
  const found: number[] = [];
  for (let k = 0; k + 1 < row.length; k++) {
    const [a, b] = [row[k], row[k + 1]];
    if (side > 0 ? a <= 0.5 && b > 0.5 : a > 0.5 && b <= 0.5) found.push(k + (0.5 - a) / (b - a));
  }
  return found;
}
