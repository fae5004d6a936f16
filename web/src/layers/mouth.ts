/** The mouth as a shutter: runtime/layers/mouth.py. */
import { clamp, interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { onMouth, type Expression } from "./expression";
import { plus, times, type Affine, type Point } from "./frames";
import { CHANNELS, Line, Patch, stretch, type Texture } from "./shutters";

const { REACH, BELOW, ROUND, TOOTH, EDGE } = constants.mouth;

/** Edges of lips in the head's own frame, from the corner on the person's right to the other one. */
export interface Lips {
  innerUpper: Point[];
  innerLower: Point[];
  outerUpper: Point[];
  outerLower: Point[];
}

/** Closed lips by the corners of a mouth and the middles of its lips. */
export function lipsBetween(right: Point, left: Point, upper: Point, lower: Point): Lips {
  const thick = Math.max((lower[1] - upper[1]) / 2, 0.03);
  const middle = (upper[1] + lower[1]) / 2 - (right[1] + left[1]) / 2;
  const through = (more: number): Point[] =>
    Array.from({ length: 11 }, (_, k) => {
      const x = k / 10;
      const bow = (4 * x * (1 - x)) ** 0.7;
      const line = plus(times(1 - x, right), times(x, left));
      return [line[0], line[1] + bow * (middle + more)];
    });
  return { innerUpper: through(0), innerLower: through(0), outerUpper: through(-thick), outerLower: through(thick) };
}

/** What is known of a pixel of the mouth's patch. */
interface Column {
  /** Where its column is in the source, and where that lies between the corners (0 to 1). */
  x: number;
  u: number;
  /** Height of the lips' inner edges in the source, and in the result. */
  upper: number;
  lower: number;
  edgeUp: number;
  edgeLow: number;
}

/** Lips, the cheeks' lower part and the chin. Its frame is the head's own, whose unit is the eyes' distance. */
export class MouthShutter {
  readonly patch: Patch;
  private right: Point;
  private left: Point;
  private middle: number;
  /** How far the mouth is open, how wide it is, and how far from its chin. */
  private own: [opening: number, width: number, length: number];
  private lines: Record<keyof Lips, Line>;
  private paint: Paint;

  /**
   * `frame`: from the head's own frame to pixels of `picture`; `nose` and `chin`: heights of the base of one and the tip of
   * the other in that frame.
   */
  constructor(
    frame: Affine,
    lips: Lips,
    private nose: number,
    private chin: number,
    picture: Texture,
  ) {
    [this.right, this.left] = [lips.innerUpper[0], lips.innerUpper[lips.innerUpper.length - 1]];
    this.middle = (this.right[0] + this.left[0]) / 2;
    this.lines = {
      innerUpper: new Line(lips.innerUpper),
      innerLower: new Line(lips.innerLower),
      outerUpper: new Line(lips.outerUpper),
      outerLower: new Line(lips.outerLower),
    };
    const heights = lips.innerUpper.map(([, y], k): Point => [y, lips.innerLower[k][1]]);
    const opening = Math.max(...heights.map(([upper, lower]) => lower - upper));
    const seam = heights.reduce((sum, [upper, lower]) => sum + upper + lower, 0) / (2 * heights.length);
    this.own = [opening, this.left[0] - this.right[0], chin - seam];
    const [low, high] = [this.middle - REACH, this.middle + REACH];
    this.patch = new Patch(frame, [low, nose - 0.08], [high, chin + BELOW], picture.size);
    this.paint = new Paint(this.patch, lips, picture.data);
  }

  /** The patch of `picture` with the mouth of `face`. */
  apply(picture: Float32Array, driven: Expression): Float32Array {
    const { patch } = this;
    const face = onMouth(driven, ...this.own);
    const { x: xs, y: ys, inside, unit } = patch;
    const columns = this.columns(face);
    const result = new Float32Array(xs.length * CHANNELS);
    const holes = new Float32Array(xs.length);
    let widest = -Infinity;
    for (let k = 0, at = 0; k < xs.length; k++, at += CHANNELS) {
      const column = columns[k];
      const { x, u, edgeUp, edgeLow } = column;
      const y = this.row(face, ys[k], column);
      patch.look(picture, xs[k] + (x - xs[k]) * inside[k], ys[k] + (y - ys[k]) * inside[k], result, at);
      const gap = edgeLow - edgeUp;
      widest = Math.max(widest, gap);
      const hole = clamp(Math.min(ys[k] - edgeUp, edgeLow - ys[k]) * unit + 0.5, 0, 1);
      holes[k] = u > 0 && u < 1 ? hole * clamp(gap * unit, 0, 1) : 0;
    }
    const colour = new Float64Array(CHANNELS);
    holes.forEach((hole, k) => {
      if (!hole) return;
      this.paint.look(picture, widest, this.middle, columns[k], ys[k], colour);
      for (let channel = 0, at = k * CHANNELS; channel < CHANNELS; channel++, at++) {
        result[at] += hole * (colour[channel] - result[at]);
      }
    });
    return result;
  }

  private columns(face: Expression): Column[] {
    const [left, right] = face.corners.map((corner) => corner.map((value) => clamp(value, -0.2, 0.2)));
    const [first, last] = [this.right[0], this.left[0]];
    const ends = [this.middle - REACH, this.middle + REACH];
    const after = [ends[0], first + right[0], last + left[0], ends[1]];
    const before = [ends[0], first, last, ends[1]];
    return Array.from(this.patch.x, (place) => {
      const x = interpolate(place, after, before);
      const u = clamp((x - first) / Math.max(last - first, 1e-3), 0, 1);
      const beside = smooth(1 - Math.max(first - x, x - last) / (REACH - (last - first) / 2));
      const line = (right[1] * (1 - u) + left[1] * u) * beside;
      const bow = (4 * u * (1 - u)) ** ROUND;
      const upper = this.lines.innerUpper.height(x);
      const lower = Math.max(upper, this.lines.innerLower.height(x));
      const edgeUp = upper + line + bow * (face.upperLip - line);
      const edgeLow = lower + line + bow * (face.lowerLip - line);
      const meet = Math.max(edgeUp - edgeLow, 0) / 2; // lips that would cross meet in the middle
      return { x, u, upper, lower, edgeUp: edgeUp - meet, edgeLow: edgeLow + meet };
    });
  }

  /** Where a pixel's height is in the source: lips move as they are, the skin beside them is stretched. */
  private row(face: Expression, y: number, { x, upper, lower, edgeUp, edgeLow }: Column): number {
    const { nose, chin, lines } = this;
    // Where the hole covers skin by halves, the skin goes on for that half pixel.
    const half = EDGE / this.patch.unit;
    if (y < (edgeUp + edgeLow) / 2) {
      const rim = Math.max(Math.min(lines.outerUpper.height(x), upper - 0.01), nose + 1e-3);
      const top = Math.max(edgeUp - upper + rim, nose + 1e-3);
      return Math.min(stretch(y, nose, nose, top, rim, Math.max(edgeUp, top), upper), upper + half);
    }
    const rim = Math.min(Math.max(lines.outerLower.height(x), lower + 0.01), chin - 1e-3);
    const jaw = face.chin * smooth(1.15 - Math.abs(x - this.middle) / 0.9);
    if (y > chin + jaw) return Math.max(y - jaw * smooth(1 - (y - chin - jaw) / BELOW), lower - half);
    const bottom = Math.min(edgeLow - lower + rim, chin + jaw - 1e-3);
    return Math.max(stretch(y, edgeLow, lower, bottom, rim, chin + jaw, chin), lower - half);
  }
}

/** What is seen between parted lips, in the picture's own light: the hue of the lips, the brightness of the skin. */
class Paint {
  private dark: number[];
  private tongue: number[];
  private teeth: number[];

  constructor(
    private patch: Patch,
    lips: Lips,
    picture: Float32Array,
  ) {
    const between = (one: Point[], other: Point[]): Point[] =>
      one.map((point, k) => times(0.5, plus(point, other[k]))).slice(2, -2);
    const rim = [...between(lips.outerUpper, lips.innerUpper), ...between(lips.outerLower, lips.innerLower)];
    const above = lips.outerUpper.map((point) => plus(point, [0, -0.07]));
    const below = lips.outerLower.map((point) => plus(point, [0, 0.09]));
    const [lip, skin] = [rim, [...above, ...below]].map((places) => {
      const seen = new Float32Array(places.length * CHANNELS);
      places.forEach(([x, y], k) => patch.look(picture, x, y, seen, k * CHANNELS));
      return [0, 1, 2].map((channel) => median(places.map((_, k) => seen[k * CHANNELS + channel])));
    });
    this.dark = lip.map((value) => 0.36 * value);
    this.tongue = lip.map((value) => 0.62 * value);
    const light = 0.3 * skin[0] + 0.59 * skin[1] + 0.11 * skin[2];
    this.teeth = skin.map((value) => Math.min(0.6 * value + 0.3 * light, 225));
  }

  /**
   * The colour at height `y` between lips that are `widest` apart at most. What the source shows between its own lips is
   * kept; below it it is dark, with a row of teeth above and a tongue below.
   */
  look(picture: Float32Array, widest: number, middle: number, column: Column, y: number, to: Float64Array): void {
    const { x, u, upper, lower, edgeUp } = column;
    const [depth, gap, unit] = [y - edgeUp, Math.max(column.edgeLow - edgeUp, 1e-3), this.patch.unit];
    const arch = clamp(4 * u * (1 - u), 0, 1);
    const row = Math.min(0.45 * widest, 0.085) * Math.sqrt(arch);
    const edge = smooth((row - depth) / (1.2 / unit + 0.008) + 0.5) * smooth(depth / 0.05 + 0.15);
    const white = 0.8 * edge * smooth((widest - 0.05) / 0.08) * smooth((arch - 0.2) / 0.5);
    const across = (x - middle) / TOOTH;
    const seam = (0.45 + 0.55 * arch) * (1 - 0.1 * Math.exp(-(((across - Math.round(across)) / 0.12) ** 2)));
    const flesh = 0.75 * smooth((depth / gap - 0.55) / 0.5) * smooth((widest - 0.12) / 0.15);
    const own = lower - upper;
    // Nothing is filled in where the mouth is as open as in the picture.
    const more = clamp((gap - own) / 0.05, 0, 1);
    const kept = smooth((own - 0.02) / 0.03) * smooth((own - depth) / ((0.15 * own + 0.01) * more + 1e-6));
    const shown = 1 - (1 - kept) * more;
    const place = Math.min(upper + depth, Math.max(lower + (EDGE - 1.3 * more) / unit, upper));
    this.patch.look(picture, x, place, to, 0);
    for (let channel = 0; channel < 3; channel++) {
      let filled = this.dark[channel] * (0.75 + 0.5 * clamp(depth / gap, 0, 1));
      filled += flesh * (this.tongue[channel] - filled);
      filled += white * (this.teeth[channel] * seam - filled);
      to[channel] = filled + shown * (to[channel] - filled);
    }
    to[3] = 1 + shown * (to[3] - 1);
  }
}

function median(values: number[]): number {
  const ordered = [...values].sort((one, other) => one - other);
  const middle = ordered.length / 2;
  return (ordered[Math.ceil(middle) - 1] + ordered[Math.floor(middle)]) / 2;
}
