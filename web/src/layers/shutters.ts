/**
 * Eyes as shutters: the source's own face with another expression, in its own pose, warped column by column.
 * runtime/layers/shutters.py says why.
 */
import { clamp, interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import type { Eye } from "./eyes";
import { Affine, minus, type Point } from "./frames";
import { Look } from "./look";

const { RISE, WET, DIM, SHADOW, UNFOLDED, BELOW, SHADE, LIGHT, HIGH, COLUMNS, FOLD, DRAWN, BROW } = constants.shutters;
const { FOREHEAD, LIFT, LASHES, LINE, LID, EDGE } = constants.shutters;

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

  /**
   * `picture` at the place (x, y) of the frame, linearly, into `to` from `at` on; its border is repeated. Called for every
   * pixel of every frame: without so much as a pair of numbers made on the way.
   */
  look(picture: Float32Array, x: number, y: number, to: Float32Array | Float64Array, at: number): void {
    const { size } = this;
    const { linear, offset } = this.frame;
    const column = clamp(linear[0] * x + linear[1] * y + offset[0], 0, size - 1.001);
    const row = clamp(linear[2] * x + linear[3] * y + offset[1], 0, size - 1.001);
    const left = Math.floor(column);
    const top = Math.floor(row);
    const across = column - left;
    const down = row - top;
    const one = (top * size + left) * CHANNELS;
    const line = size * CHANNELS;
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
 * Piecewise linear map of `y` that takes the places `from` three or four knots `to` theirs: knot by knot, as in every pixel it is
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
  from4 = from3,
  to4 = to3,
): number {
  const [moved1, moved2, moved3, moved4] = [to1 - from1, to2 - from2, to3 - from3, to4 - from4];
  const first = clamp((y - from1) / Math.max(from2 - from1, 1e-6), 0, 1);
  const second = clamp((y - from2) / Math.max(from3 - from2, 1e-6), 0, 1);
  const third = clamp((y - from3) / Math.max(from4 - from3, 1e-6), 0, 1);
  return y + moved1 + (moved2 - moved1) * first + (moved3 - moved2) * second + (moved4 - moved3) * third;
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

/** `part` of the way through the `values` in their order, linearly between two. */
function quantile(values: readonly number[], part: number): number {
  const order = [...values].sort((one, other) => one - other);
  const [at, below] = [part * (order.length - 1), Math.floor(part * (order.length - 1))];
  const above = Math.min(below + 1, order.length - 1);
  return order[below] + (at - below) * (order[above] - order[below]);
}

/** `count` places from `first` to `last`. */
function spaced(first: number, last: number, count: number): number[] {
  return Array.from({ length: count }, (_, k) => first + ((last - first) * k) / (count - 1));
}

const PLACES = spaced(-0.1, 1.1, COLUMNS);

/** The tone `above` an eye as far as it is no brow, fold or make-up, none of which is the lid that unfolds; else that `below`. */
function lifted(above: readonly number[], below: readonly number[]): number[] {
  const [light, wanted] = [above, below].map((tone) => (tone[0] + tone[1] + tone[2]) / 3);
  const share = clamp((LIGHT * wanted - light) / Math.max(wanted - light, 1), 0, 1);
  return above.map((value, channel) => value + share * (below[channel] - value));
}

/** One eye with its lids and brow. Its frame: x from the outer corner (0) to the inner one (1), y down. */
export class EyeShutter {
  readonly patch: Patch;
  private brow: number;
  private upper: Float32Array;
  private lower: Float32Array;
  /** How much a pixel's column goes with the brow, ... */
  private withBrow: Float32Array;
  /** ... and lies between the corners. */
  private along: Float32Array;
  private turned: Look;
  /** (pixels, CHANNELS): what the skin looks like above and below the eye in each column. */
  private above: Float32Array;
  private below: Float32Array;

  /** `eye` and the middle of its `brow` in pixels of `picture`. */
  constructor(eye: Eye, brow: Point, picture: Texture) {
    const across = minus(eye.inner, eye.outer);
    const sign = across[0] > 0 ? 1 : -1;
    const frame = new Affine([across[0], -sign * across[1], across[1], sign * across[0]], eye.outer);
    const back = frame.inverse();
    const [upper, lower] = [eye.upper, eye.lower].map((line) => line.map((point) => back.at(point)));
    const highest = Math.min(...upper.map(([, y]) => y));
    this.brow = Math.min(back.at(brow)[1], highest - 0.3);
    this.patch = new Patch(frame, [BROW[0], this.brow - FOREHEAD - 0.1], [BROW[1], 0.65], picture.size);
    const { x, inside } = this.patch;
    const [top, bottom] = [new Line(upper), new Line(lower)];
    this.upper = x.map((at) => top.height(at));
    this.lower = x.map((at, k) => Math.max(bottom.height(at), this.upper[k]));
    this.withBrow = x.map((at) => smooth((at - BROW[0]) / 0.5) * smooth((BROW[1] - at) / 0.9));
    this.along = x.map((at, k) => smooth(at / 0.2) * smooth((1 - at) / 0.2) * inside[k]);
    this.turned = new Look(back.at(eye.iris)[0], eye.radius / eye.width, top, bottom);
    const room = 0.5 * (highest - this.brow);
    const above = this.tones(picture.data, top, spaced(-0.5 * room, -room, 4));
    const below = this.tones(picture.data, bottom, spaced(0.14, 0.34, 6));
    this.above = this.skin(above.map((tone, k) => lifted(tone, below[k])));
    this.below = this.skin(below);
  }

  /** What the skin looks like at places along the eye, at these distances from `line`. */
  private tones(picture: Float32Array, line: Line, away: readonly number[]): number[][] {
    const seen = new Float64Array(CHANNELS);
    return PLACES.map((place) => {
      const found: number[][] = Array.from({ length: CHANNELS }, () => []);
      for (const x of spaced(-0.12, 0.12, 5).map((step) => place + step)) {
        for (const y of away.map((step) => line.height(x) + step)) {
          this.patch.look(picture, x, y, seen, 0);
          found.forEach((values, channel) => values.push(seen[channel]));
        }
      }
      return found.map((values) => quantile(values, SHADE));
    });
  }

  /** (pixels, CHANNELS): the skin of each column. */
  private skin(tones: readonly number[][]): Float32Array {
    const skin = new Float32Array(this.patch.x.length * CHANNELS);
    for (let channel = 0; channel < CHANNELS; channel++) {
      const tone = tones.map((values) => values[channel]);
      this.patch.x.forEach((x, k) => (skin[k * CHANNELS + channel] = interpolate(x, PLACES, tone)));
    }
    return skin;
  }

  /**
   * The patch of `picture`: an eye that is open by so much of what it is there, its brow moved down by `brow` and its iris
   * by `gaze`, in widths of the eye.
   */
  apply(picture: Float32Array, opening: number, brow: number, gaze: Point): Float32Array {
    const { patch } = this;
    const { x: xs, y: ys, unit, inside } = patch;
    const shut = Math.max(0, 1 - opening);
    const lift = clamp(brow, LIFT[0], LIFT[1]);
    const result = new Float32Array(xs.length * CHANNELS);
    const look = this.eyeball(picture, gaze);
    const ball = new Float64Array(CHANNELS);
    for (let k = 0, at = 0; k < xs.length; k++, at += CHANNELS) {
      const [x, y, upper, lower] = [xs[k], ys[k], this.upper[k], this.lower[k]];
      const gap = lower - upper;
      const rim = lower - RISE * shut * gap;
      const target = rim - opening * gap;
      const seen = this.row(k, target, rim, lift, shut);
      patch.look(picture, x, y + (seen - y) * inside[k], result, at);
      if (shut) this.unfold(picture, result, at, k, target, shut);
      const edge = clamp(Math.min(y - target, rim - y) * unit + 0.5, 0, 1);
      const covered = x > 0 && x < 1 ? edge * clamp((rim - target) * unit, 0, 1) : 0;
      if (!covered) continue;
      look(k, target, ball);
      const light = 1 - Math.min(1, 2 * shut) * (DIM + SHADOW * smooth(1 - (y - target) / 0.16));
      for (let channel = 0; channel < CHANNELS; channel++) {
        const shown = ball[channel] * (shut && channel < 3 ? light : 1);
        result[at + channel] += covered * (shown - result[at + channel]);
      }
    }
    return result;
  }

  /**
   * Where the height of a pixel is in the source, the edges of the lids at `target` and `rim` and the brow moved down by
   * `lift`. The lid folds below the brow, whose skin hardly moves with it.
   */
  private row(k: number, target: number, rim: number, lift: number, shut: number): number {
    const { patch, brow } = this;
    const [y, upper, lower] = [patch.y[k], this.upper[k], this.lower[k]];
    // A shut eye shows no half pixel of itself, nor the wet edge of its lower lid.
    const near = clamp((lower - upper) / 0.1, 0, 1);
    const half = (EDGE / patch.unit) * (1 - 2 * shut * near);
    if (!(y < (target + rim) / 2)) {
      const under = lower + 0.35;
      return Math.max(y + (lower + WET * shut * near - rim) * clamp((under - y) / Math.max(under - rim, 1e-6), 0, 1), lower - half);
    }
    const [top, fold] = [brow - FOREHEAD, upper + Math.max(FOLD * (brow - upper), -0.12)];
    const moved = lift * this.withBrow[k];
    const folded = Math.min(fold + 0.5 * moved + DRAWN * (target - upper), target - 0.02);
    const raised = Math.min(brow + moved, folded - 0.02);
    return Math.min(stretch(y, top, top, raised, brow, folded, fold, target, upper), upper + half);
  }

  /** Paint the lid that has unfolded down to its edge `target`, and lashes along that. */
  private unfold(
    picture: Float32Array,
    skin: Float32Array,
    at: number,
    k: number,
    target: number,
    shut: number,
  ): void {
    const { patch, above, below } = this;
    const [x, y, upper, lower, along] = [patch.x[k], patch.y[k], this.upper[k], this.lower[k], this.along[k]];
    const from = y - upper + HIGH;
    const lid = lower > upper ? smooth(from / 0.2) * smooth((target - y) / 0.06 + 0.5) * patch.inside[k] : 0;
    const painted = UNFOLDED * lid * smooth((shut - 0.05) / 0.4) * smooth((LID - Math.abs(x - 0.5)) / 0.16);
    if (painted) {
      const way = clamp(from / Math.max(target - upper + HIGH, 1e-3), 0, 1);
      const bent = 1 + 0.05 * Math.sin(Math.PI * way) - 0.14 * (1 - along);
      const grain = new Float64Array(CHANNELS);
      patch.look(picture, x, lower + 0.16 + 0.35 * (target - y), grain, 0);
      for (let channel = 0; channel < CHANNELS; channel++) {
        const under = below[at + channel];
        const tone = above[at + channel] + BELOW * way * (under - above[at + channel]);
        const bound = 0.06 * tone;
        const colour = (tone + clamp(0.6 * (grain[channel] - under), -bound, bound)) * (channel < 3 ? bent : 1);
        skin[at + channel] += painted * (colour - skin[at + channel]);
      }
    }
    const width = (y > target ? 2 : 1) * (LINE + 0.4 / patch.unit);
    const line = Math.exp(-(((y - target) / width) ** 2)) * along;
    const light = 1 - (1 - LASHES) * Math.min(1, 2 * shut) * line;
    for (let channel = 0; channel < 3; channel++) skin[at + channel] *= light;
  }

  /** What shows between the lids: an iris that moves as a disc, the white beside it stretched and squeezed. */
  private eyeball(picture: Float32Array, gaze: Point): (k: number, target: number, to: Float64Array) => void {
    const { patch, turned } = this;
    const [right, down] = turned.bounded(gaze);
    const margin = EDGE / patch.unit;
    // What the lids hide in the picture is not shown: the edge of what they leave is repeated.
    const edge = Math.min(margin, 4 * Math.abs(down));
    const white = new Float64Array(CHANNELS);
    return (k, target, to) => {
      const [x, upper, lower] = [patch.x[k], this.upper[k], this.lower[k]];
      // Wider open than in the picture: what it shows is stretched.
      const wider = lower - ((lower - patch.y[k]) * (lower - upper)) / Math.max(lower - target, 1e-6);
      let y = target < upper ? wider : patch.y[k];
      if (down) y = clamp(y - down * turned.near(x - right), upper + edge, Math.max(lower - edge, upper + edge));
      if (!right) {
        patch.look(picture, x, y, to, 0);
        return;
      }
      const way = (y - upper) / Math.max(lower - upper, 1e-3);
      patch.look(picture, ...turned.aside(x, way, y, right, margin), to, 0);
      const [at, counts] = turned.lent(x, way, right);
      if (!counts) return;
      patch.look(picture, ...at, white, 0);
      for (let channel = 0; channel < CHANNELS; channel++) to[channel] += counts * (white[channel] - to[channel]);
    };
  }
}
