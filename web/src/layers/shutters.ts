/**
 * Eyes as shutters: the source's own face with another expression, in its own pose, warped column by column.
 * runtime/layers/shutters.py says why.
 */
import { clamp, interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import type { Eye } from "./eyes";
import { Affine, minus, type Point } from "./frames";

const { OVER, UNFOLDED, LASHES, EDGE } = constants.shutters;

/** Floats a pixel of the pictures here: red, green, blue and alpha. */
export const CHANNELS = 4;

/** Rows and columns of a picture, the last ones excluded. */
export interface Place {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** A picture of `size` pixels a side, (size, size, CHANNELS). */
export interface Texture {
  size: number;
  data: Float32Array;
}

/** A rectangle of a picture in a frame of its own. */
export class Patch {
  readonly place: Place;
  /** Pixels of the frame's unit. */
  readonly unit: number;
  /** The pixels' places in the frame. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** 1 well inside, falling to 0 at the border. */
  readonly inside: Float32Array;

  /** `frame`: from the part's frame to pixels of pictures of `size` a side; `low` and `high` in the frame. */
  constructor(
    private frame: Affine,
    low: Point,
    high: Point,
    private size: number,
  ) {
    const corners = [low[0], high[0]].flatMap((x) => [low[1], high[1]].map((y) => frame.at([x, y])));
    const [[left, right], [top, bottom]] = [0, 1].map((axis) => {
      const values = corners.map((corner) => corner[axis]);
      const first = clamp(Math.floor(Math.min(...values)), 0, size - 2);
      return [first, clamp(Math.ceil(Math.max(...values)) + 1, first + 1, size)];
    });
    this.place = { top, bottom, left, right };
    this.unit = Math.sqrt(Math.abs(frame.determinant));
    [this.x, this.y, this.inside] = [0, 1, 2].map(() => new Float32Array((right - left) * (bottom - top)));
    const own = frame.inverse();
    for (let row = top, at = 0; row < bottom; row++) {
      for (let column = left; column < right; column++, at++) {
        const [x, y] = own.at([column, row]);
        const over = Math.max(low[0] - x, low[1] - y, x - high[0], y - high[1]);
        this.x[at] = x;
        this.y[at] = y;
        this.inside[at] = smooth(-over / (0.12 * (high[0] - low[0])));
      }
    }
  }

  /** `picture` at the place (x, y) of the frame, linearly, into `to` from `at` on; its border is repeated. */
  look(picture: Float32Array, x: number, y: number, to: Float32Array | Float64Array, at: number): void {
    const [[a, b, c, d], [e, f], { size }] = [this.frame.linear, this.frame.offset, this];
    const column = clamp(a * x + b * y + e, 0, size - 1.001);
    const row = clamp(c * x + d * y + f, 0, size - 1.001);
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [across, down] = [column - left, row - top];
    const [one, line] = [(top * size + left) * CHANNELS, size * CHANNELS];
    for (let channel = 0; channel < CHANNELS; channel++) {
      const from = one + channel;
      const upper = picture[from] + across * (picture[from + CHANNELS] - picture[from]);
      const lower = picture[from + line] + across * (picture[from + line + CHANNELS] - picture[from + line]);
      to[at + channel] = upper + down * (lower - upper);
    }
  }

  /** The patch of `picture` as it is. */
  of(picture: Float32Array): Float32Array {
    const { top, bottom, left, right } = this.place;
    const width = (right - left) * CHANNELS;
    const result = new Float32Array((bottom - top) * width);
    for (let row = top; row < bottom; row++) {
      const from = (row * this.size + left) * CHANNELS;
      result.set(picture.subarray(from, from + width), (row - top) * width);
    }
    return result;
  }
}

/**
 * Piecewise linear map of `y` that takes the places `from` three knots `to` theirs: knot by knot, as in every pixel it is
 * asked for. Beyond them as at the ends.
 */
export function stretch(
  y: number,
  from1: number,
  to1: number,
  from2: number,
  to2: number,
  from3: number,
  to3: number,
): number {
  const [moved1, moved2, moved3] = [to1 - from1, to2 - from2, to3 - from3];
  const first = clamp((y - from1) / Math.max(from2 - from1, 1e-6), 0, 1);
  const second = clamp((y - from2) / Math.max(from3 - from2, 1e-6), 0, 1);
  return y + moved1 + (moved2 - moved1) * first + (moved3 - moved2) * second;
}

/** A line through points, whose height is asked for; beyond its ends it is that of the ends. */
export class Line {
  private x: number[];
  private y: number[];

  constructor(points: readonly Point[]) {
    const ordered = [...points].sort((one, other) => one[0] - other[0]);
    this.x = ordered.map(([x]) => x);
    this.y = ordered.map(([, y]) => y);
  }

  height(x: number): number {
    return interpolate(x, this.x, this.y);
  }
}

/** One eye with its lids and brow. Its frame: x from the outer corner (0) to the inner one (1), y down. */
export class EyeShutter {
  readonly patch: Patch;
  private brow: number;
  private upper: Float32Array;
  private lower: Float32Array;
  private fade: Float32Array;
  private iris: number;
  private radius: number;

  /** `eye` and the middle of its `brow` in pixels of pictures of `size` a side. */
  constructor(eye: Eye, brow: Point, size: number) {
    const across = minus(eye.inner, eye.outer);
    const sign = across[0] > 0 ? 1 : -1;
    const frame = new Affine([across[0], -sign * across[1], across[1], sign * across[0]], eye.outer);
    const back = frame.inverse();
    const [upper, lower] = [eye.upper, eye.lower].map((line) => line.map((point) => back.at(point)));
    this.brow = Math.min(back.at(brow)[1], Math.min(...upper.map(([, y]) => y)) - 0.3);
    this.patch = new Patch(frame, [-0.35, this.brow - 0.55], [1.35, 0.65], size);
    const { x, inside } = this.patch;
    const [top, bottom] = [new Line(upper), new Line(lower)];
    this.upper = x.map((at) => top.height(at));
    this.lower = x.map((at, k) => Math.max(bottom.height(at), this.upper[k]));
    this.fade = x.map((at, k) => smooth((at + 0.35) / 0.35) * smooth((1.35 - at) / 0.35) * inside[k]);
    this.iris = back.at(eye.iris)[0];
    this.radius = Math.min(eye.radius / eye.width, 0.3);
  }

  /**
   * The patch of `picture`: an eye that is open by so much of what it is there, its brow moved down by `brow` and its iris
   * by `gaze`, in widths of the eye.
   */
  apply(picture: Float32Array, opening: number, brow: number, gaze: Point): Float32Array {
    const { patch, brow: lid } = this;
    const { x: xs, y: ys, unit } = patch;
    const shut = Math.max(0, 1 - opening);
    const lift = clamp(brow, -0.35, 0.25);
    // A shut eye shows no half pixel of itself.
    const half = (EDGE / unit) * (1 - 2 * shut);
    const result = new Float32Array(xs.length * CHANNELS);
    const look = this.eyeball(picture, gaze);
    const ball = new Float64Array(CHANNELS);
    for (let k = 0, at = 0; k < xs.length; k++, at += CHANNELS) {
      const [x, y, upper, lower, fade] = [xs[k], ys[k], this.upper[k], this.lower[k], this.fade[k]];
      const gap = lower - upper;
      const target = lower + OVER * shut * Math.min(gap / 0.1, 1) - opening * gap;
      const raised = lid + lift * fade;
      const above = stretch(y, lid - 0.5, lid - 0.5, raised, lid, Math.max(target, raised), upper);
      const under = Math.max(y, lower - half + OVER * shut);
      const seen = y < (target + lower) / 2 ? Math.min(above, upper + half) : under;
      patch.look(picture, x, y + (seen - y) * fade, result, at);
      if (shut) this.unfold(picture, result, at, k, target, shut);
      const edge = clamp(Math.min(y - target, lower - y) * unit + 0.5, 0, 1);
      const covered = x > 0 && x < 1 ? edge * clamp((lower - target) * unit, 0, 1) : 0;
      if (!covered) continue;
      look(k, target, ball);
      for (let channel = 0; channel < CHANNELS; channel++) {
        result[at + channel] += covered * (ball[channel] - result[at + channel]);
      }
    }
    return result;
  }

  /** Paint a lid that is as light as the skin below the eye, and lashes along its edge `target`. */
  private unfold(
    picture: Float32Array,
    skin: Float32Array,
    at: number,
    k: number,
    target: number,
    shut: number,
  ): void {
    const { patch } = this;
    const [x, y, upper, lower, inside] = [patch.x[k], patch.y[k], this.upper[k], this.lower[k], patch.inside[k]];
    const lid = lower > upper ? smooth((y - upper + 0.06) / 0.12) * smooth((target - y) / 0.06 + 0.5) : 0;
    const painted = UNFOLDED * shut * lid * inside;
    if (painted) {
      const below = new Float64Array(CHANNELS);
      patch.look(picture, x, lower + 0.16 + 0.35 * (target - y), below, 0);
      for (let channel = 0; channel < CHANNELS; channel++) {
        skin[at + channel] += painted * (below[channel] - skin[at + channel]);
      }
    }
    const width = 0.035 + 0.6 / patch.unit;
    const line = Math.exp(-(((y - target) / width) ** 2)) * smooth(x / 0.2) * smooth((1 - x) / 0.2);
    const light = 1 - (1 - LASHES) * Math.min(1, 2 * shut) * line * inside;
    for (let channel = 0; channel < 3; channel++) skin[at + channel] *= light;
  }

  /** What shows between the lids: an iris that moves as a disc, the white beside it stretched and squeezed. */
  private eyeball(picture: Float32Array, gaze: Point): (k: number, target: number, to: Float64Array) => void {
    const { patch, iris: middle, radius } = this;
    const [right, down] = [clamp(gaze[0], -0.16, 0.16), clamp(gaze[1], -0.08, 0.08)];
    const [low, high] = [Math.max(middle - radius, 0.05), Math.min(middle + radius, 0.95)];
    const after = [0, Math.max(low + right, 0.02), Math.min(high + right, 0.98), 1];
    const before = [0, low, high, 1];
    // What the lids hide in the picture is not shown: the edge of what they leave is repeated.
    const margin = Math.min(EDGE / patch.unit, 4 * Math.abs(down));
    return (k, target, to) => {
      const [x, upper, lower] = [patch.x[k], this.upper[k], this.lower[k]];
      // Wider open than in the picture: what it shows is stretched.
      const wider = lower - ((lower - patch.y[k]) * (lower - upper)) / Math.max(lower - target, 1e-6);
      let y = target < upper ? wider : patch.y[k];
      if (down) {
        const near = Math.exp(-(((x - middle - right) / (1.3 * radius)) ** 2));
        y = clamp(y - down * near, upper + margin, Math.max(lower - margin, upper + margin));
      }
      patch.look(picture, right ? interpolate(x, after, before) : x, y, to, 0);
    };
  }
}
