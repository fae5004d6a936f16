/**
 * How a source's head moves in space: as a relief, of the drawn people's mean head, drawn to the source's points:
 * runtime/layers/relief.py.
 */
import { clamp, linspace, roundHalfEven, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { boxBlur } from "./blur";
import { Affine, mean, minus, type Named, type Point } from "./frames";
import { drawn, Head, type Camera, type Solid } from "./solid";
import { ThinPlate } from "./spline";

const { CELLS, STIFF, DRAWN_TO, FACING, LEVELS, NEAREST, HAIR, WALL, WITHIN, STEEP } = constants.relief;
const { STEPS, EASE, HIDDEN, PARTS, NOTHING, KNOTS } = constants.relief;

/** Of one source. */
export class Relief {
  private head: Head;
  /** Pixels along a side of one of its cells. */
  private cell: number;
  /** (CELLS, CELLS): how deep it lies, away from the camera and from the head's middle, in pixels. */
  private depth: Float32Array;
  /** Of the depths: the least, and that of the wall behind the outline. */
  private nearest: number;
  private wall: number;
  private stiff: number[];

  /** `face`: named points, in pixels of a canvas of which `alpha` (c, c) shows the person. */
  constructor(face: Named, alpha: Float32Array) {
    this.head = new Head(face);
    const { camera, middle, weights } = this.head;
    const size = Math.sqrt(alpha.length);
    const scale = camera.scale;
    this.cell = size / CELLS;
    const at = Float64Array.from({ length: CELLS }, (_, k) => (k + 0.5) * this.cell - 0.5);
    const rows = Array.from(at, roundHalfEven);
    const wall = (this.wall = scale * (WALL - middle[2]));
    const edge = boxBlur(alpha, size, Math.max(roundHalfEven(WITHIN * scale * drawn().unit), 1));
    this.depth = drawnDepth(this.head, at).map((deep, k) => {
      const inside = edge[rows[Math.floor(k / CELLS)] * size + rows[k % CELLS]];
      const before = Math.min(scale * deep, wall);
      return before + smooth((1 - inside) / STEEP) * (wall - before);
    });
    this.nearest = this.depth.reduce((least, value) => Math.min(least, value));
    this.stiff = [...weights.keys()].filter((k) => weights[k] > 0);
  }

  /** Of the head, in the source. */
  get middle(): Point {
    return mean(this.stiff.map((k) => this.head.places[k]));
  }

  /** A `place` of the source, as deep as it is there. */
  solid([x, y]: Point): Solid {
    const at = (value: number): number => clamp(roundHalfEven((value + 0.5) / this.cell - 0.5), 0, CELLS - 1);
    return [x, y, this.depth[at(y) * CELLS + at(x)]];
  }

  /** Where places in space are seen in a result whose named points are at `driven`. */
  led(driven: Named): Camera {
    return this.head.moved(driven);
  }

  /** (f, f, 2): by how many pixels to look further from the `cells` of a result, where the named points are at `driven`. */
  steps(driven: Named, cells: readonly Point[]): Float64Array {
    const { head } = this;
    const camera = head.moved(driven);
    const aims = this.stiff.map((k) => driven[head.names[k]]);
    const led = this.stiff.map((k) => camera.at([head.places[k][0], head.places[k][1], head.depths[k]]));
    const shift = mean(led.map((place, k) => minus(place, aims[k])));
    const result = smoothly(new ThinPlate(aims, led, new Affine([1, 0, 0, 1], shift), EASE), cells);
    const [xx, xy, xz, yx, yy, yz] = camera.linear;
    const flat = new Affine([xx, xy, yx, yy], camera.offset).inverse();
    const [a, b, c, d] = flat.linear;
    const way: Point = [-(a * xz + b * yz), -(c * xz + d * yz)];
    this.follow(cells, result, flat, way);
    return result.map((value) => (Math.abs(value) < NOTHING ? 0 : value)); // at rest nothing at all moves
  }

  /**
   * From where `steps` lead the `cells`, along the rays that are seen by `flat` at no depth and go that `way`, to where these
   * meet the relief. Plain loops: the time goes here.
   */
  private follow(cells: readonly Point[], steps: Float64Array, flat: Affine, [wayX, wayY]: Point): void {
    const { nearest, wall, cell } = this;
    const [a, b, c, d] = flat.linear;
    const step = cells[1][0] - cells[0][0];
    const length = Math.max(Math.hypot(wayX, wayY), 1e-9);
    // The less a turn hides, the fewer looks find it.
    const levels = linspace(nearest, wall, clamp(Math.ceil((length * (wall - nearest)) / cell), 2, STEPS));
    const starts = new Float64Array(steps.length);
    const deep = new Float64Array(cells.length);
    for (let k = 0; k < cells.length; k++) {
      const [x, y] = [cells[k][0] + steps[2 * k], cells[k][1] + steps[2 * k + 1]];
      const startX = (starts[2 * k] = a * x + b * y + flat.offset[0]);
      const startY = (starts[2 * k + 1] = c * x + d * y + flat.offset[1]);
      deep[k] = this.met(startX, startY, wayX, wayY, levels);
      steps[2 * k] = startX + deep[k] * wayX - cells[k][0];
      steps[2 * k + 1] = startY + deep[k] * wayY - cells[k][1];
    }
    // At an edge that hides what is behind it a cell is part this and part that: else the edge had teeth.
    const parts = PARTS.map(([x, y]): Point => [step * (a * x + b * y), step * (c * x + d * y)]);
    for (const k of edgesOf(deep, (HIDDEN * step) / length)) {
      let [x, y] = [0, 0];
      for (const part of parts) {
        const [startX, startY] = [starts[2 * k] + part[0], starts[2 * k + 1] + part[1]];
        const far = this.met(startX, startY, wayX, wayY, levels);
        x += startX + far * wayX;
        y += startY + far * wayY;
      }
      steps[2 * k] = x / parts.length - cells[k][0];
      steps[2 * k + 1] = y / parts.length - cells[k][1];
    }
  }

  /** How deep it lies where a ray of that way meets it that is at (x, y) of the canvas where depth is none. */
  private met(x: number, y: number, wayX: number, wayY: number, levels: Float64Array): number {
    const { depth, cell } = this;
    const met = metBy(depth, CELLS, (x + 0.5) / cell - 0.5, (y + 0.5) / cell - 0.5, wayX / cell, wayY / cell, levels);
    return Number.isNaN(met) ? this.wall : met;
  }
}

/** Those of the places of `deep` (f, f) whose neighbours are by more than `jump` deeper, or less deep, than they. */
function edgesOf(deep: Float64Array, jump: number): number[] {
  const side = Math.sqrt(deep.length);
  const found: number[] = [];
  for (let row = 0, k = 0; row < side; row++) {
    for (let column = 0; column < side; column++, k++) {
      const apart = (on: boolean, other: number): boolean => on && Math.abs(deep[other] - deep[k]) > jump;
      const across = apart(column > 0, k - 1) || apart(column < side - 1, k + 1);
      if (across || apart(row > 0, k - side) || apart(row < side - 1, k + side)) found.push(k);
    }
  }
  return found;
}

/**
 * (CELLS, CELLS): how deep the drawn head lies at the places `at` x `at` of a canvas, in its centimetres, away from the
 * camera and from its middle; hair where it does not reach.
 */
function drawnDepth(head: Head, at: Float64Array): Float32Array {
  const known = drawn();
  const { camera, middle, names } = head;
  const { scale, turn } = camera;
  const onHead = [...names.keys()].filter((k) => !names[k].startsWith("neck."));
  const [before, after] = [onHead.map((k) => head.places[k]), onHead.map((k) => camera.at(head.points[k]))];
  const places = Array.from({ length: CELLS * CELLS }, (_, k): Point => [at[k % CELLS], at[Math.floor(k / CELLS)]]);
  const moved = new ThinPlate(before, after, Affine.fit(before, after, STIFF), DRAWN_TO).steps(places);
  // A ray in the drawn head's own space, by its z: the camera's turn back, of a place that is `deep`.
  const upright = Math.max(turn[8], FACING);
  const [wayX, wayY] = [turn[6] / upright, turn[7] / upright];
  const cells = known.side / known.span;
  const farthest = known.depth.reduce((most, value) => Math.max(most, value));
  const levels = linspace(NEAREST, farthest - 1, LEVELS);
  const [centreX, centreY] = camera.at(middle);
  return Float32Array.from(places, ([placeX, placeY], k) => {
    const across = (placeX + moved[2 * k] - centreX) / scale;
    const down = (placeY + moved[2 * k + 1] - centreY) / scale;
    const [x, y, z] = [0, 1, 2].map((axis) => across * turn[axis] + down * turn[3 + axis] + middle[axis]);
    const startX = (x - z * wayX - known.corner[0]) * cells - 0.5;
    const startY = (y - z * wayY - known.corner[1]) * cells - 0.5;
    const met = metBy(known.depth, known.side, startX, startY, wayX * cells, wayY * cells, levels);
    return Number.isNaN(met) ? HAIR - middle[2] : (met - z) / upright;
  });
}

/** (f, f, 2): by how much `spline` leads on from the `cells` (f, f) of a square, by fewer knots. */
function smoothly(spline: ThinPlate, cells: readonly Point[]): Float64Array {
  const side = Math.sqrt(cells.length);
  const [first, step] = [cells[0], cells[1][0] - cells[0][0]];
  const apart = (side - 1) / KNOTS;
  const across = KNOTS + 1;
  const knots = Array.from({ length: across * across }, (_, k): Point => [
    first[0] + step * apart * (k % across),
    first[1] + step * apart * Math.floor(k / across),
  ]);
  const ways = spline.steps(knots);
  const result = new Float64Array(2 * cells.length);
  for (let row = 0, at = 0; row < side; row++) {
    const top = Math.min(Math.floor(row / apart), KNOTS - 1);
    const down = row / apart - top;
    for (let column = 0; column < side; column++) {
      const left = Math.min(Math.floor(column / apart), KNOTS - 1);
      const right = column / apart - left;
      for (let axis = 0; axis < 2; axis++, at++) {
        const from = 2 * (top * across + left) + axis;
        const next = from + 2 * across;
        const above = ways[from] + right * (ways[from + 2] - ways[from]);
        const below = ways[next] + right * (ways[next + 2] - ways[next]);
        result[at] = above + down * (below - above);
      }
    }
  }
  return result;
}

/**
 * The level, of `levels` that increase by equal steps, at which a ray first meets the `field` (side, side); NaN where it does
 * not. It is at (x, y) + level * (wayX, wayY), in cells of the field.
 */
function metBy(
  field: Float32Array,
  side: number,
  x: number,
  y: number,
  wayX: number,
  wayY: number,
  levels: Float64Array,
): number {
  let before = 0;
  for (let k = 0; k < levels.length; k++) {
    const low = levels[k];
    const across = clamp(x + low * wayX, 0, side - 1);
    const down = clamp(y + low * wayY, 0, side - 1);
    const column = Math.min(Math.floor(across), side - 2);
    const row = Math.min(Math.floor(down), side - 2);
    const first = row * side + column;
    const right = across - column;
    const above = field[first] + right * (field[first + 1] - field[first]);
    const below = field[first + side] + right * (field[first + side + 1] - field[first + side]);
    const behind = low - (above + (down - row) * (below - above));
    if (k && behind >= 0) {
      const share = clamp(before / Math.min(before - behind, -1e-9), 0, 1);
      return levels[k - 1] + share * (levels[1] - levels[0]);
    }
    before = behind;
  }
  return NaN;
}
