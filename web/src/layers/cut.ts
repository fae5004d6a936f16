/** Heads that the photo cuts stay cut: runtime/layers/cut.py says why. */
import { clamp, roundHalfEven } from "../numbers";
import constants from "../shared/layers.json";
import type { Canvas } from "./canvas";
import { minus, type Affine, type Point } from "./frames";
import { named, type Names } from "./points";
import type { Relief } from "./relief";
import type { Solid } from "./solid";

const { PLACES, HEAD, SHOWN, BACK, POWER, ON } = constants.cut;

/** An edge that cuts the head: axis across it, sign of the way out, where what is shown ends, and places along it. */
interface Edge {
  axis: 0 | 1;
  out: number;
  end: number;
  solid: Solid[];
}

/** The edges of a photo that cut the head of one source. */
export class Cut {
  private edges: Edge[];
  private head: number[];

  /**
   * `alpha` (c, c): where in the `canvas` the person is; `relief`: their head, and `frame` the way to it from the head's own;
   * `names`: of the points of the model, whose pictures have that `resolution`.
   */
  constructor(
    private canvas: Canvas,
    private resolution: number,
    alpha: Float32Array,
    private relief: Relief,
    frame: Affine,
    private names: Names,
  ) {
    this.head = Object.keys(names)
      .filter((name) => !name.startsWith("neck."))
      .map((name) => names[name]);
    const { rows, columns, margin, side, size } = canvas;
    const own = frame.inverse();
    const sides: [0 | 1, number, number, number][] = [
      [1, -1, rows.start, Math.max(margin, rows.start)],
      [0, -1, columns.start, Math.max(margin, columns.start)],
      [0, 1, columns.stop - 1, Math.min(margin + side, columns.stop) - 1],
    ];
    this.edges = sides.flatMap(([axis, out, line, end]) => {
      const along = Array.from({ length: size }, (_, k): Point => (axis ? [k, line] : [line, k]));
      const places = along.filter(([x, y]) => alpha[y * size + x] > ON && own.at([x, y])[1] < HEAD);
      if (!places.length) return [];
      const chosen = Array.from({ length: PLACES }, (_, k) => places[chosenOf(k, places.length)]);
      // Beside a head what turns into sight is the wall behind its outline, whatever the edge cuts.
      const solid = chosen.map((place): Solid => (axis ? relief.solid(place) : [place[0], place[1], 0]));
      return [{ axis, out, end, solid }];
    });
  }

  /** Points `places` (K, 2) in [-1, 1], those of the head brought back where they would carry it from an edge that cuts it. */
  held(places: Float32Array): Float32Array {
    if (!this.edges.length) return places;
    const { canvas, relief, resolution } = this;
    const camera = relief.led(named(canvas.places(places, resolution), this.names));
    const step = [0, 0];
    for (const { axis, out, end, solid } of this.edges) {
      const beyond = solid.map((place) => out * (end - camera.at(place)[axis]));
      step[axis] += out * soft(came(beyond, axis), SHOWN * canvas.side);
    }
    const middle = relief.middle;
    const moved = minus(camera.at([middle[0], middle[1], 0]), middle);
    const held = places.slice();
    for (const axis of [0, 1]) {
      const [low, high] = [Math.min(-moved[axis], 0) - BACK * canvas.side, Math.max(-moved[axis], 0) + BACK * canvas.side];
      // A pixel of the canvas in the model's units: see `Canvas.places`.
      const by = ((2 * clamp(step[axis], low, high)) / canvas.side) * (resolution / (resolution - 1));
      for (const index of this.head) held[2 * index + axis] += Math.fround(by);
    }
    return held;
  }
}

/** Which of `count` places is chosen as number `k`. */
function chosenOf(k: number, count: number): number {
  return roundHalfEven((k * (count - 1)) / (PLACES - 1));
}

/** How much comes into sight at an edge, of whose places some are `beyond` by so much. */
function came(beyond: number[], axis: 0 | 1): number {
  const sum = beyond.reduce((all, each) => all + (axis ? Math.max(each, 0) ** POWER : each), 0) / beyond.length;
  return axis ? sum ** (1 / POWER) : sum;
}

/** How far to bring back what is `beyond` by so much, so that no more than `shown` of it is left. */
function soft(beyond: number, shown: number): number {
  return beyond > 0 ? beyond + shown * Math.expm1(-beyond / shown) : 0;
}
