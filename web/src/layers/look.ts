/** How one eyeball is seen that turns: `Look` of `runtime/layers/shutters.py`. */

import { clamp, interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import type { Point } from "./frames";
import type { Line } from "./shutters";

const { ASIDE, UP_AND_DOWN, HELD, SCARCE, PLENTY, LENT, APPEARS, EDGES } = constants.shutters;

/** x from the eye's outer corner (0) to the inner one (1), y down. */
export class Look {
  private middle: number;
  private radius: number;
  private low: number;
  private high: number;
  /** How much of what appears on the outer and on the inner side is the other side's white. */
  private lends: readonly number[];

  /** `iris`: x of its middle, as it is found; `upper`, `lower`: the lids' edges. */
  constructor(
    iris: number,
    radius: number,
    private upper: Line,
    private lower: Line,
  ) {
    this.middle = clamp(0.5 + HELD * (iris - 0.5), 0.1, 0.9);
    this.radius = clamp(radius, 0.05, 0.3);
    this.low = Math.max(this.middle - this.radius, 0.05);
    this.high = Math.min(this.middle + this.radius, 0.95);
    const white = [this.low, 1 - this.high];
    this.lends = [white, [...white].reverse()].map(
      ([own, other]) =>
        smooth((SCARCE[1] - own) / (SCARCE[1] - SCARCE[0])) * smooth((other - PLENTY[0]) / (PLENTY[1] - PLENTY[0])),
    );
  }

  /** By how much the iris moves inwards and down: as `gaze` says, and no farther than eyes turn. */
  bounded(gaze: Point): Point {
    const [outwards, inwards] = ASIDE.map((end) => end - this.middle);
    return [clamp(gaze[0], Math.min(outwards, 0), Math.max(inwards, 0)), clamp(gaze[1], -UP_AND_DOWN, UP_AND_DOWN)];
  }

  /** How much what is at `x` of the eye at rest goes up and down with the iris. */
  near(x: number): number {
    return Math.exp(-(((x - this.middle) / (1.3 * this.radius)) ** 2));
  }

  /**
   * Where to look for what is at (x, y), which is `way` of the way from the upper lid to the lower one, once the iris has
   * moved by `right`: it moves as a disc and goes on behind the corners, the white is stretched beside it. `margin`: how
   * far from the lids is no skin.
   */
  aside(x: number, way: number, y: number, right: number, margin: number): Point {
    const [low, high] = [this.low + right, this.high + right];
    const knots = [Math.min(0, low - 0.02), low, high, Math.max(1, high + 0.02)];
    const place = interpolate(x, knots, [0, this.low, this.high, 1]);
    const row = y + smooth(Math.max(low - x, x - high) / 0.1) * (this.row(way, place, right) - y);
    const from = this.upper.height(place) + margin;
    return [place, clamp(row, from, Math.max(this.lower.height(place) - margin, from))];
  }

  /**
   * Where to look for the white that appears as the iris moves by `right` on a side that has little of it, the other
   * side's mirrored; and how much it counts.
   */
  lent(x: number, way: number, right: number): [at: Point, counts: number] {
    const inwards = right > 0;
    const edge = Math.max(inwards ? this.low + right : 1 - this.high - right, 1e-3);
    const share = (inwards ? edge - x : x - 1 + edge) / edge;
    const part = LENT * clamp(share, 0, 1);
    const place = inwards ? this.high + part * (1 - this.high) : this.low * (1 - part);
    const counts = this.lends[inwards ? 0 : 1] * smooth(Math.abs(right) / APPEARS) * smooth(share / 0.15);
    return [[place, this.row(way, place, right)], counts];
  }

  /** `way` of the way from lid to lid at `place`, but not on their edges once the iris moves `right`. */
  private row(way: number, place: number, right: number): number {
    const [above, below] = [this.upper.height(place), this.lower.height(place)];
    const inner = 1 - EDGES * smooth(Math.abs(right) / APPEARS);
    return 0.5 * (above + below) + inner * (clamp(way, 0, 1) - 0.5) * (below - above);
  }
}
