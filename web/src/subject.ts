/** Finds whatever a model moves by the model's own points: `Subject` of runtime/framing/framer.py. */
import { settle, type Framing } from "./framing";
import { quantile } from "./numbers";
import type { Picture, Size } from "./picture";
import { Window } from "./window";

/** How often a model looks, each time more closely, and the part of the points that may lie outside on each side. */
const LOOKS = 4;
const OUTLIERS = 0.05;
/** Part of its side by which the square may still change in the last look, where the points mark something. */
const STEADY = 0.03;

/** The points (K, 2) that a model sees in RGB bytes (R, R, 3), in [-1, 1]. */
export interface Sight {
  resolution: number;
  points(square: Uint8Array): Promise<Float32Array>;
}

/**
 * One square in which the points of all `pictures`, of one size, are spread as in training. Where they wander, only what
 * the first look says of where they are, and the largest square there.
 */
export async function marked(pictures: Picture[], framing: Framing, sight: Sight): Promise<Window> {
  const size: Size = [pictures[0].width, pictures[0].height];
  let before = Window.around(size[0] / 2, size[1] / 2, Math.max(...size));
  let after = before;
  let first = before;
  for (let look = 0; look < LOOKS; look++) {
    before = after;
    const found: number[][] = [[], []];
    for (const picture of pictures) {
      const places = await sight.points(before.cut(picture, sight.resolution));
      places.forEach((place, at) => found[at % 2].push(inPixels(place, before, at % 2, sight.resolution)));
    }
    const box = found.map((along) => [quantile(along, OUTLIERS), quantile(along, 1 - OUTLIERS)]);
    const side = Math.max(Math.max(...box.map(([low, high]) => high - low)) / framing.spread, before.side / 2);
    const [x, y] = box.map(([low, high]) => (low + high) / 2);
    after = settle(x, y, side, side / 2, size);
    if (look === 0) first = after;
  }
  const moves = [after.left + after.side / 2 - before.left - before.side / 2, after.side - before.side];
  moves.push(after.top + after.side / 2 - before.top - before.side / 2);
  const steady = Math.max(...moves.map(Math.abs)) <= STEADY * before.side;
  if (steady && after.touches(size)) return after;
  const most = Math.min(...size);
  return settle(first.left + first.side / 2, first.top + first.side / 2, most, most, size);
}

function inPixels(place: number, window: Window, axis: number, resolution: number): number {
  const part = (((place + 1) / 2) * (resolution - 1) + 0.5) / resolution;
  return part * window.side + (axis ? window.top : window.left);
}
