/** The mouth as a shutter: runtime/layers/mouth.py. */
import { clamp, interpolate, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { onMouth, type Expression } from "./expression";
import { plus, times, type Affine, type Point } from "./frames";
import { CHANNELS, Line, Patch, stretch, type Texture } from "./shutters";
import { Teeth, type MouthNetwork } from "./teeth";

const { REACH, BELOW, ROUND, RAISED, SEAM, OPENS, DARK, SHOWS, HIDDEN, TOOTH, SHADED, CORNER } = constants.mouth;
const { FLESH, HUE, TONGUE, WIDE, TEETH, STEPS, DARK_TO_LIP, RISES, WET, SHADY, RIM, UNDER, WITHIN, EDGE } = constants.mouth;

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
  private right: Point;
  private left: Point;
  private middle: number;
  /** How far the mouth is open, how wide it is, and how far from its chin. */
  private own: [opening: number, width: number, length: number];
  private lines: Record<keyof Lips, Line>;
  /** Height of the middle between the lips. */
  private seam: number;

  private constructor(
    readonly patch: Patch,
    lips: Lips,
    private nose: number,
    private chin: number,
    private paint: Paint,
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
    const [above, below] = heights[Math.floor(heights.length / 2)];
    this.seam = (above + below) / 2;
    const opening = Math.max(...heights.map(([upper, lower]) => lower - upper));
    const mean = heights.reduce((sum, [upper, lower]) => sum + upper + lower, 0) / (2 * heights.length);
    this.own = [opening, this.left[0] - this.right[0], chin - mean];
  }

  /**
   * `frame`: from the head's own frame to pixels of `picture`; `nose` and `chin`: heights of the base of one and the tip of
   * the other in that frame.
   */
  static async of(
    frame: Affine,
    lips: Lips,
    nose: number,
    chin: number,
    picture: Texture,
    network: MouthNetwork,
  ): Promise<MouthShutter> {
    const middle = (lips.innerUpper[0][0] + lips.innerUpper[lips.innerUpper.length - 1][0]) / 2;
    const patch = new Patch(frame, [middle - REACH, nose - 0.08], [middle + REACH, chin + BELOW], picture.size);
    const edge = ended(lips, patch, picture.data);
    const teeth = await Teeth.of(patch, lips.innerUpper, edge, picture.data, network);
    return new MouthShutter(patch, lips, nose, chin, new Paint(patch, lips, picture.data, teeth, new Line(edge)));
  }

  /** How far it is open at rest, in the head's own frame. */
  get opening(): number {
    return this.own[0];
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
      this.paint.look(picture, widest, columns[k], ys[k], colour);
      for (let channel = 0, at = k * CHANNELS; channel < CHANNELS; channel++, at++) {
        result[at] += hole * (colour[channel] - result[at]);
      }
    });
    return result;
  }

  private columns(face: Expression): Column[] {
    const [left, right] = face.corners.map((corner) => corner.map((value) => clamp(value, -0.2, 0.2)));
    const [first, last] = [this.right[0], this.left[0]];
    // A smile that narrows unbends.
    const narrow = Math.min(1 + (left[0] - right[0]) / Math.max(this.own[1], 1e-3), 1);
    const [downRight, downLeft] = [
      [right[1], this.right[1]],
      [left[1], this.left[1]],
    ].map(([moved, end]) => held(moved, RAISED * (end - this.nose)) + (1 - narrow ** 2) * Math.max(this.seam - end, 0));
    const ends = [this.middle - REACH, this.middle + REACH];
    const after = [ends[0], first + right[0], last + left[0], ends[1]];
    const before = [ends[0], first, last, ends[1]];
    return Array.from(this.patch.x, (place) => {
      const x = interpolate(place, after, before);
      const u = clamp((x - first) / Math.max(last - first, 1e-3), 0, 1);
      const beside = smooth(1 - Math.max(first - x, x - last) / (REACH - (last - first) / 2));
      const line = (downRight * (1 - u) + downLeft * u) * beside;
      const arch = 4 * u * (1 - u);
      const upper = this.lines.innerUpper.height(x);
      const lower = Math.max(upper, this.lines.innerLower.height(x));
      const opens = arch ** ROUND * ((OPENS * (face.lowerLip - face.upperLip)) / 2);
      const bend = line + arch * ((face.upperLip + face.lowerLip) / 2 - line);
      const [edgeUp, edgeLow] = [upper + bend - opens, lower + bend + opens];
      const meet = Math.max(edgeUp - edgeLow, 0) / 2; // lips that would cross meet in the middle
      return { x, u, upper, lower, edgeUp: edgeUp - meet, edgeLow: edgeLow + meet };
    });
  }

  /** Where a pixel's height is in the source: lips move as they are, the skin beside them is stretched. */
  private row(face: Expression, y: number, { x, upper, lower, edgeUp, edgeLow }: Column): number {
    const { nose, chin, lines } = this;
    const [thickUp, thickLow] = face.thickness;
    // Where the hole covers skin by halves, the skin goes on for that half pixel.
    const half = EDGE / this.patch.unit;
    // The line between closed lips is a shadow that is gone where they part.
    const seam = this.paint.closed * SEAM * clamp((edgeLow - edgeUp - lower + upper) / 0.05, 0, 1);
    if (y < (edgeUp + edgeLow) / 2) {
      const rim = Math.max(Math.min(lines.outerUpper.height(x), upper - 0.01), nose + 1e-3);
      const top = Math.max(edgeUp + (rim - upper) * thickUp, nose + 1e-3);
      const end = Math.max(upper - seam, Math.min(rim + 0.004, upper));
      return Math.min(stretch(y, nose, nose, top, rim, Math.max(edgeUp, top), end), end + half);
    }
    const rim = Math.min(Math.max(lines.outerLower.height(x), lower + 0.01), chin - 1e-3);
    const jaw = face.chin * smooth(1.15 - Math.abs(x - this.middle) / 0.9);
    const end = Math.min(lower + seam, Math.max(rim - 0.004, lower));
    if (y > chin + jaw) return Math.max(y - jaw * smooth(1 - (y - chin - jaw) / BELOW), end - half);
    const bottom = Math.min(edgeLow + (rim - lower) * thickLow, chin + jaw - 1e-3);
    return Math.max(stretch(y, edgeLow, end, bottom, rim, chin + jaw, chin), end - half);
  }
}

/** How far down what has `room` above it moves: what rises farther than by half of that comes near to all of it. */
function held(moved: number, room: number): number {
  const half = Math.max(room / 2, 1e-3);
  return moved < -half ? -half + half * Math.expm1((moved + half) / half) : moved;
}

/**
 * The lower lip's inner edge where in `picture` it is lighter than the dark under the teeth. Edges of parted lips are spread
 * evenly, and what of a lip lies between them would hang from the teeth.
 */
function ended({ innerUpper, innerLower }: Lips, patch: Patch, picture: Float32Array): Point[] {
  const seen = new Float32Array(CHANNELS);
  const ways = Array.from({ length: STEPS }, (_, k) => TEETH + ((1 - TEETH) * k) / (STEPS - 1));
  const ends = innerUpper.map(([x, top], k) => {
    const length = innerLower[k][1] - top;
    const light = ways.map((way) => {
      patch.look(picture, x, top + way * length, seen, 0);
      return (seen[0] + seen[1] + seen[2]) / 3;
    });
    const [least, last] = [Math.min(...light), light[STEPS - 1]];
    const dark = light.map((value) => value <= least + DARK_TO_LIP * (last - least));
    const sure = smooth(((last - least) / Math.max(last, 1) - RISES[0]) / (RISES[1] - RISES[0]));
    return 1 - sure * smooth(length / 0.04 - 0.5) * (1 - ways[dark.lastIndexOf(true)]);
  });
  return innerLower.map(([x, y], k): Point => {
    const inner = k > 0 && k < ends.length - 1;
    const end = inner ? (ends[k - 1] + ends[k] + ends[k + 1]) / 3 : ends[k];
    return [x, innerUpper[k][1] + end * (y - innerUpper[k][1])];
  });
}

/** What is seen between parted lips: the source's own teeth, else painted ones, before the dark; a tongue below. */
class Paint {
  private dark: number[];
  private tongue: number[];
  /** Colours of the upper lip and of the lower one, along them. */
  private upperLip: Line[];
  private lowerLip: Line[];
  /** How much the mouth is a closed one, whose lips slide over teeth that are not seen; those that are stay with them. */
  readonly closed: number;
  /** How much of an opening the source's own teeth take. */
  private taken: number;
  /** How much of its teeth a lip hides that has not moved. */
  private hidden: number;
  private tooth = new Float64Array(CHANNELS);

  constructor(
    private patch: Patch,
    lips: Lips,
    picture: Float32Array,
    private teeth: Teeth,
    private edge: Line,
  ) {
    const between = (one: Point[], other: Point[]): Point[] =>
      one.map((point, k) => times(0.5, plus(point, other[k]))).slice(2, -2);
    const rim = [...between(lips.outerUpper, lips.innerUpper), ...between(lips.outerLower, lips.innerLower)];
    const seen = new Float32Array(rim.length * CHANNELS);
    rim.forEach(([x, y], k) => patch.look(picture, x, y, seen, k * CHANNELS));
    const lip = [0, 1, 2].map((channel) => median(rim.map((_, k) => seen[k * CHANNELS + channel])));
    // What comes out of a mouth was thrown back in there more than once: each time its hue is deeper.
    const deep = lip.map((value) => (value * value) / Math.max(...lip, 1));
    this.dark = deep.map((value) => DARK * value);
    this.tongue = lip.map((value, channel) => FLESH * (HUE * value + (1 - HUE) * deep[channel]));
    this.upperLip = tones(patch, picture, lips.innerUpper, lips.outerUpper);
    this.lowerLip = tones(patch, picture, lips.innerLower, lips.outerLower);
    const gap = Math.max(...lips.innerLower.map(([, y], k) => y - lips.innerUpper[k][1]));
    this.closed = 1 - smooth((gap - 0.02) / 0.07);
    this.taken = (1 - this.closed) * gap;
    this.hidden = clamp(teeth.length - SHOWS, HIDDEN[0], HIDDEN[1]);
  }

  /**
   * The colour at height `y` between lips that are `widest` apart at most. What the source shows between its own lips is
   * kept, and so is the way in which it hangs from the upper lip.
   */
  look(picture: Float32Array, widest: number, column: Column, y: number, to: Float64Array): void {
    const { x, u, upper, edgeUp } = column;
    const [depth, gap, unit] = [y - edgeUp, Math.max(column.edgeLow - edgeUp, 1e-3), this.patch.unit];
    const arch = clamp(4 * u * (1 - u), 0, 1);
    const above = gap - depth; // the lower lip
    const deep = (0.4 + 0.6 * smooth(1 - above / (0.8 * gap))) * (0.5 + 0.5 * arch); // darkest behind the upper teeth
    const free = Math.max(widest - this.taken, 0);
    const up = above / (TONGUE * free * arch + 1e-3);
    const risen = smooth((free - WIDE[0]) / (WIDE[1] - WIDE[0])) * smooth((1.1 - up) / 0.75);
    const flesh = smooth((arch - 0.15) / 0.6) * risen;
    const lit = (0.8 + 0.2 * smooth(up / 0.55)) * (0.6 + 0.4 * arch); // it rises out of the lower lip's shadow
    const rim = smooth(1 - above / RIM); // where the lower lip turns inwards, ...
    const under = smooth(1 - depth / UNDER) * this.closed; // ... and the upper one
    const { tooth } = this;
    const hidden = this.hidden * this.teeth.beside(x);
    const slid = this.closed * clamp(hidden + edgeUp - upper, 0, 2 * hidden); // teeth stay, lips go
    this.teeth.look(x, upper + depth + slid, tooth);
    const shade = TOOTH * (1 - SHADED * (1 - smooth(depth / 0.06))) * (1 - CORNER * (1 - smooth(arch / 0.7)));
    const light = 1 - this.closed * (1 - shade);
    // Nothing is filled in where the mouth is as open as in the picture.
    const more = clamp((gap - column.lower + upper) / 0.05, 0, 1);
    const lower = column.lower - more * Math.max(column.lower - this.edge.height(x), 0);
    const own = lower - upper;
    const kept = smooth((own - 0.02) / 0.03) * smooth((own - depth) / ((0.15 * own + 0.01) * more + 1e-6));
    const shown = 1 - (1 - kept) * more;
    const place = Math.min(upper + depth, Math.max(lower + (EDGE - 1.3 * more) / unit, upper));
    this.patch.look(picture, x, place, to, 0);
    for (let channel = 0; channel < 3; channel++) {
      const dark = deep * this.dark[channel];
      let filled = dark + flesh * (lit * this.tongue[channel] - dark);
      if (rim) filled += rim * (WET * this.lowerLip[channel].height(x) - filled);
      filled += tooth[3] * (tooth[channel] * light - filled);
      if (under) filled += under * (SHADY * this.upperLip[channel].height(x) - filled);
      to[channel] = filled + shown * (to[channel] - filled);
    }
    to[3] = 1 + shown * (to[3] - 1);
  }
}

/** Red, green and blue along a lip with these edges. */
function tones(patch: Patch, picture: Float32Array, inner: Point[], outer: Point[]): Line[] {
  const side = inner.map((point, k) => plus(times(1 - WITHIN, point), times(WITHIN, outer[k])));
  const seen = new Float32Array(side.length * CHANNELS);
  side.forEach(([x, y], k) => patch.look(picture, x, y, seen, k * CHANNELS));
  return [0, 1, 2].map((channel) => {
    const tone = (k: number): number => seen[clamp(k, 0, side.length - 1) * CHANNELS + channel];
    return new Line(side.map(([x], k): Point => [x, (tone(k - 1) + tone(k) + tone(k + 1)) / 3]));
  });
}

function median(values: number[]): number {
  const ordered = [...values].sort((one, other) => one - other);
  const middle = ordered.length / 2;
  return (ordered[Math.ceil(middle) - 1] + ordered[Math.floor(middle)]) / 2;
}
