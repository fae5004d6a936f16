/**
 * The result out of layers: the person, moved whole, over a backdrop that stays; the painter where the source shows
 * nothing. runtime/layers/compose.py says how; the arithmetic of a frame is a graph of its own.
 */
import { blurring, enlarging, spreading } from "../detail";
import type { Tensors } from "../graphs";
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import type { Base, Shutters, Subject } from "./anatomy";
import { complete } from "./border";
import type { Canvas } from "./canvas";
import { Cut } from "./cut";
import type { Expression } from "./expression";
import type { Point } from "./frames";
import { apart } from "./lips";
import { matte } from "./matte";
import type { Networks } from "./networks";
import { Person } from "./person";
import { added, handedOn, type Laid } from "./residual";
import { CHANNELS, type Place } from "./shutters";

const { AGREE, DISAGREE, NEVER, STILL } = constants.compose;

/** What a model makes of a pose: RGB bytes (R, R, 3), and a flow (f, f, 2). */
export interface Rendered {
  image: Uint8Array;
  flow: Float32Array;
}

/** Moves one source in layers. */
export class Layers {
  private constructor(
    private networks: Networks,
    private canvas: Canvas,
    private subject: Subject,
    private base: Base,
    private rest: Rendered,
    private resolution: number,
    /** The person's colours times alpha, and alpha: (c, c, CHANNELS). */
    private own: Float32Array,
    /** The same with an expression, channel by channel, where the painter counts, and what goes before the trunk. */
    private texture: Float32Array,
    private shutters: Shutters,
    private cells: Point[],
    private person: Person,
    private fixed: Tensors,
    private cut?: Cut,
  ) {}

  /**
   * Of the face `subject` in `canvas`; `person`: what `findPerson` says; `rest`: what a model of that `resolution` makes of
   * the source's own pose.
   */
  static async of(
    networks: Networks,
    canvas: Canvas,
    subject: Subject,
    person: Float32Array,
    rest: Rendered,
    resolution: number,
  ): Promise<Layers> {
    const { size } = canvas;
    const found = matte(Float32Array.from(canvas.picture.data), size, person);
    const { picture, alpha, plate } = complete(canvas, found, subject.anatomy.frame);
    const own = new Float32Array(size * size * CHANNELS);
    const wrong = new Float32Array(size * size * 3);
    const texture = new Float32Array(size * size * (CHANNELS + 1));
    for (let k = 0; k < size * size; k++) {
      for (let channel = 0; channel < 3; channel++) {
        const exact = Math.fround(picture[3 * k + channel] - (1 - alpha[k]) * plate[3 * k + channel]);
        // What the backdrop was not guessed right by is no part of the person: where nothing moves it is added.
        own[CHANNELS * k + channel] = clamp(exact, 0, 255 * alpha[k]);
        wrong[3 * k + channel] = exact - own[CHANNELS * k + channel];
      }
      own[CHANNELS * k + 3] = alpha[k];
      for (let channel = 0; channel < CHANNELS; channel++) texture[channel * size * size + k] = own[CHANNELS * k + channel];
    }
    const shutters = await subject.shutters({ size, data: own }, networks);
    const side = Math.sqrt(rest.flow.length / 2);
    const corner = (k: number): number => -1 + (2 * k) / (side - 1);
    const corners = Array.from({ length: side * side }, (_, k) => [corner(k % side), corner(Math.floor(k / side))]);
    const cells = canvas.places(corners.flat(), resolution);
    const moving = new Person(subject.anatomy, subject.face, size, cells);
    texture.set(
      moving.front().map((value, k) => value * alpha[k]),
      CHANNELS * size * size,
    );
    const fixed = constant(networks, canvas, subject.face, plate, wrong, rest, resolution);
    const base = subject.base(alpha);
    const { relief, names } = base;
    const cut = relief && names && new Cut(canvas, resolution, alpha, relief, subject.anatomy.frame, names);
    return new Layers(networks, canvas, subject, base, rest, resolution, own, texture, shutters, cells, moving, fixed, cut);
  }

  /** (2, 3): what the eyes of the source do, as a motion's `eyes`; where something opens and shuts. */
  get eyes(): Float64Array | undefined {
    return this.subject.expression;
  }

  /** (7, 2): what its lips do, as a motion's `lips`; likewise. */
  get lips(): Float64Array | undefined {
    return this.subject.lips;
  }

  /** How far its lips are apart, by what tells it of a driver's. */
  get parted(): number | undefined {
    return this.lips && apart(this.lips);
  }

  /** How far the mouth of the source is open, in the head's own frame; where something opens and shuts. */
  get opening(): number | undefined {
    return this.shutters.opening;
  }

  /** Points `places` (K, 2) in [-1, 1] with the head held where the photo's edge cuts it (`Cut`). */
  held(places: Float32Array): Float32Array {
    return this.cut ? this.cut.held(places) : places;
  }

  /**
   * One picture, for driving `points` (K, 2) in [-1, 1] and the expression `face`: RGB bytes of the square's size. `made`: what
   * the model makes of the frame; without it points and expression alone lead the face, which they do where points have
   * names. `residual`: what these do not tell of how the driver moves (`Driver`).
   */
  async compose(
    made: Rendered | undefined,
    points: ArrayLike<number>,
    face?: Expression,
    residual?: Float32Array,
  ): Promise<Uint8Array> {
    const { result } = await this.made(made, points, face, residual, ["result"]);
    return result.data as Uint8Array;
  }

  /** The same by points and expression alone, and where the person is: (side, side). */
  async apart(points: ArrayLike<number>, face?: Expression): Promise<Laid> {
    const { result, alpha } = await this.made(undefined, points, face, undefined, ["result", "alpha"]);
    return { picture: result.data as Uint8Array, alpha: alpha.data as Float32Array };
  }

  /** What the graph makes of one picture. */
  private async made(
    made: Rendered | undefined,
    points: ArrayLike<number>,
    face: Expression | undefined,
    residual: Float32Array | undefined,
    wanted: string[],
  ): Promise<Tensors> {
    const { canvas, resolution, networks } = this;
    const { size, side } = canvas;
    const scale = ((resolution - 1) / 2) * (side / resolution);
    const moved = made && Float64Array.from(made.flow, (value, k) => (value - this.rest.flow[k]) * scale);
    const { head, trunk, more, light } = this.ways(moved, canvas.places(points, resolution), residual);
    for (const { place, data } of this.shutters.covers(this.own, face)) this.cover(place, data);
    const cells = Math.sqrt(this.cells.length);
    const graph = networks.layers;
    const flow = (values: Float64Array, factor: number): Tensors[string] =>
      graph.floats(planes(values, 2, factor), [1, 2, cells, cells]);
    return graph.run(
      {
        ...this.fixed,
        ...(made ? {} : { limits: graph.floats(Float32Array.from(NEVER.limits), [2]) }),
        image: graph.bytes((made ?? this.rest).image, [1, resolution, resolution, 3]),
        moved: flow(moved ?? new Float64Array(head.length), 2 / side),
        more: flow(more, 2 / side),
        light: graph.floats(Float32Array.from(light), [1, 1, cells, cells]),
        head: flow(head, 2 / size),
        trunk: flow(trunk, 2 / size),
        texture: graph.floats(this.texture, [1, CHANNELS + 1, size, size]),
        row: graph.longs([this.firstRow(head, trunk)]),
      },
      wanted,
    );
  }

  /**
   * (f, f, 2) each: how much further to look for the head, for the trunk, and what of both is the `residual`'s. `moved`: the
   * same as the model says, if it was asked; in pixels. (f, f): the logarithm of how much lighter cells are.
   */
  private ways(
    moved: Float64Array | undefined,
    driven: Point[],
    residual?: Float32Array,
  ): Record<"head" | "trunk" | "more" | "light", Float64Array> {
    const { subject, cells } = this;
    const base = this.base(driven, cells, moved);
    const exact = subject.exact(driven, cells, moved ?? base);
    const { head, trunk } = this.person.move(base, subject.neck(driven, cells, exact), exact);
    const frame = residual && subject.head(driven);
    if (!residual || !frame) {
      return { head, trunk, more: new Float64Array(head.length), light: new Float64Array(cells.length) };
    }
    const { way: more, light } = handedOn(residual, frame, cells);
    return { head: added(head, cells, more), trunk: added(trunk, cells, more), more, light };
  }

  /** The row of the result from which on `head` and `trunk` move differently; above, all is head. */
  private firstRow(head: Float64Array, trunk: Float64Array): number {
    const { side, margin } = this.canvas;
    const across = Math.sqrt(this.cells.length);
    const apart = Math.floor(head.findIndex((value, k) => value !== trunk[k]) / 2 / across);
    if (apart < 0) return side - 1;
    return apart ? clamp(Math.floor(this.cells[(apart - 1) * across][1] - margin), 0, side - 1) : 0;
  }

  private cover({ top, bottom, left, right }: Place, data: Float32Array): void {
    const { size } = this.canvas;
    for (let row = top, from = 0; row < bottom; row++) {
      for (let column = left; column < right; column++, from += CHANNELS) {
        const to = row * size + column;
        for (let channel = 0; channel < CHANNELS; channel++) this.texture[channel * size * size + to] = data[from + channel];
      }
    }
  }
}

/** What the graph is given with every frame. */
function constant(
  { layers: graph }: Networks,
  { size, side, margin }: Canvas,
  face: Float32Array,
  plate: Float32Array,
  wrong: Float32Array,
  rest: Rendered,
  resolution: number,
): Tensors {
  const cells = Math.sqrt(rest.flow.length / 2);
  const [half, quarter] = [Math.floor(resolution / 2), Math.floor(Math.floor(resolution / 2) / 2)];
  const inner = (whole: Float32Array): Float32Array => {
    const part = new Float32Array(side * side * 3);
    for (let row = 0; row < side; row++) {
      const from = ((row + margin) * size + margin) * 3;
      part.set(whole.subarray(from, from + side * 3), row * side * 3);
    }
    return part;
  };
  return {
    plate: graph.floats(planes(inner(plate), 3), [1, 3, side, side]),
    painted: graph.floats(face, [1, 1, size, size]),
    wrong: graph.floats(planes(inner(wrong), 3), [1, 3, side, side]),
    ratio: graph.floats(Float32Array.of(size / side), [1]),
    stillness: graph.floats(Float32Array.of(size / 2 / (STILL * side)), [1]),
    rest: graph.floats(planes(halved(rest.image, resolution), 3), [1, 3, half, half]),
    grid: graph.floats(grid(size, margin, side), [1, 2, side, side]),
    half_grid: graph.floats(grid(half, 0, half), [1, 2, half, half]),
    flow_up: graph.floats(spreading(cells, resolution, side), [side, cells]),
    flow_half: graph.floats(spreading(cells, resolution, half), [half, cells]),
    missing_up: graph.floats(enlarging(quarter, side), [side, quarter]),
    blur: graph.floats(blurring(quarter, 0.7), [quarter, quarter]),
    size: graph.longs([1, 3, side, side]),
    reach: graph.floats(Float32Array.of((size - 1) / size, (half - 1) / half), [2]),
    limits: graph.floats(Float32Array.of(AGREE, DISAGREE), [2]),
  };
}

/** (2, length, length): x and y of `length` pixels from number `first` on, of `size` that reach from -1 to 1. */
function grid(size: number, first: number, length: number): Float32Array {
  const at = (k: number): number => (2 * (first + k) + 1) / size - 1;
  const result = new Float32Array(2 * length * length);
  for (let k = 0; k < length * length; k++) {
    result[k] = at(k % length);
    result[length * length + k] = at(Math.floor(k / length));
  }
  return result;
}

/** Means over cells of two by two pixels of RGB bytes (size, size, 3). */
function halved(image: Uint8Array, size: number): Float32Array {
  const half = size / 2;
  return Float32Array.from({ length: half * half * 3 }, (_, at) => {
    const [pixel, channel] = [Math.floor(at / 3), at % 3];
    const from = (2 * Math.floor(pixel / half) * size + 2 * (pixel % half)) * 3 + channel;
    return (image[from] + image[from + 3] + image[from + 3 * size] + image[from + 3 * size + 3]) / 4;
  });
}

/** (h, w, channels) as (channels, h, w), each value times `factor`. */
function planes(values: Float32Array | Float64Array, channels: number, factor = 1): Float32Array {
  const length = values.length / channels;
  const result = new Float32Array(values.length);
  for (let k = 0; k < length; k++) {
    for (let channel = 0; channel < channels; channel++) result[channel * length + k] = values[k * channels + channel] * factor;
  }
  return result;
}
