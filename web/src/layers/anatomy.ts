/**
 * Where a face is in a source picture, by a model's named points, or, for models without names, by the face detector:
 * runtime/layers/anatomy.py.
 */
import { findFaces, type Detector, type Face } from "../faces";
import { roundHalfEven, smooth } from "../numbers";
import type { Picture } from "../picture";
import constants from "../shared/layers.json";
import { boxBlur } from "./blur";
import type { Canvas } from "./canvas";
import { atRest, type Expression } from "./expression";
import { Eye, findEyes, type Corners, type EyeNetwork } from "./eyes";
import { Affine, distance, headFrame, mean, minus, plus, times, type Named, type Point } from "./frames";
import { through } from "./exact";
import { hullOf } from "./hull";
import { seeMouth } from "./lips";
import { asArray, averaged, seeHead, SURE } from "./mended";
import { lipsOf, lookAt, type Look, type MeshNetwork } from "./mesh";
import { lipsBetween, MouthShutter } from "./mouth";
import type { Anatomy, Pairs } from "./person";
import { named, pixelsOf, type Names } from "./points";
import { Relief } from "./relief";
import { CHANNELS, EyeShutter, type Place, type Texture } from "./shutters";
import type { MouthNetwork } from "./teeth";

const { FACE, HELD, REACH, NEEDED, COLLAR, SIDES, USUAL_SHOULDERS, BETWEEN, MOUTH } = constants.anatomy;
/** How much the head's map is pulled towards a similarity. */
const STIFFNESS = constants.person.STIFF;

/** What looks at faces. */
export interface Lookers {
  face: Detector;
  eye: EyeNetwork;
  mesh: MeshNetwork;
  mouth: MouthNetwork;
}

/** A part of a picture, (rows, columns, CHANNELS). */
export interface Cover {
  place: Place;
  data: Float32Array;
}

/** `names` where they tell enough of a face; else none. */
export function namesOf(names: readonly string[]): Names {
  if (!NEEDED.every((name) => names.includes(name))) return {};
  return Object.fromEntries(names.map((name, index) => [name, index]));
}

/**
 * (f, f, 2): how a head moves, if no expression moves it: where from its `cells` a result looks further. `driven`: the
 * model's points in the result; `moved` (f, f, 2): the same as the model says, which may be missing where points have
 * names; all in pixels of the canvas.
 */
export interface Base {
  (driven: readonly Point[], cells: readonly Point[], moved?: ArrayLike<number>): Float64Array;
  /** What named points lead, and their names. */
  relief?: Relief;
  names?: Names;
}

/** A face in a canvas of c pixels a side. */
export interface Subject {
  anatomy: Anatomy;
  /** A place well inside the face. */
  middle: Point;
  /** `anatomy.frame`, where it is a face beyond doubt. */
  sure?: Affine;
  /** (2, 3): what its eyes do, as a motion's `eyes`; where somebody looked. */
  expression?: Float64Array;
  /** (7, 2): what its lips do, as a motion's `lips`; likewise. */
  lips?: Float64Array;
  /** (c, c) in [0, 1]: where the model's own flow and picture count. */
  face: Float32Array;
  /** How the head moves, if no expression moves it. `alpha` (c, c): where in the canvas the person is. */
  base(alpha: Float32Array): Base;
  /** Of the neck; arguments as of `Base`. */
  neck(driven: readonly Point[], cells: readonly Point[], moved: ArrayLike<number>): Pairs;
  /** `moved`, as exact as the points that are known to lie on the face make it; arguments as of `Base`. */
  exact(driven: readonly Point[], cells: readonly Point[], moved: Float64Array): Float64Array;
  /** From the head's own frame to where it is in the result; nothing where points do not tell. */
  head(driven: readonly Point[]): Affine | undefined;
  /** What changes the expression in `picture`. */
  shutters(picture: Texture, look: Lookers): Promise<Shutters>;
}

/** Parts of `picture`, of `size` a side, such that, where they overlap, the later one has what the earlier ones changed. */
function joined(picture: Float32Array, size: number, parts: readonly Cover[]): Cover[] {
  return parts.map(({ place, data }, index) => {
    const result = data.slice();
    for (const { place: other, data: earlier } of parts.slice(0, index)) {
      const [left, right] = [Math.max(place.left, other.left), Math.min(place.right, other.right)];
      const [top, bottom] = [Math.max(place.top, other.top), Math.min(place.bottom, other.bottom)];
      for (let row = top; row < bottom; row++) {
        const [to, from] = [place, other].map((whose) => (row - whose.top) * (whose.right - whose.left) - whose.left);
        for (let k = left * CHANNELS; k < right * CHANNELS; k++) {
          result[to * CHANNELS + k] += earlier[from * CHANNELS + k] - picture[row * size * CHANNELS + k];
        }
      }
    }
    return { place, data: result };
  });
}

/** The parts of a face that open and shut. */
export class Shutters {
  /** `eyes`: left and right, each with its width in the head's own frame. */
  constructor(
    private eyes: [EyeShutter, number][],
    private mouth?: MouthShutter,
  ) {}

  /** How far the mouth is open at rest, in the head's own frame; where it opens and shuts. */
  get opening(): number | undefined {
    return this.mouth?.opening;
  }

  /** What `face` changes in `picture`, and where. */
  covers(picture: Float32Array, face?: Expression): Cover[] {
    const parts = this.eyes.map(([shutter]) => shutter.patch);
    if (this.mouth) parts.push(this.mouth.patch);
    if (!face || atRest(face)) return parts.map((patch) => ({ place: patch.place, data: patch.of(picture) }));
    const changed = this.eyes.map(([shutter, width], index) =>
      shutter.apply(picture, face.lids[index], face.brows[index] / width, face.gaze[index]),
    );
    if (this.mouth) changed.push(this.mouth.apply(picture, face));
    return joined(
      picture,
      Math.sqrt(picture.length / CHANNELS),
      changed.map((data, index) => ({ place: parts[index].place, data })),
    );
  }
}

/** By a model's named points. */
export class NamedFace implements Subject {
  readonly anatomy: Anatomy;
  readonly middle: Point;
  readonly sure?: Affine;
  readonly expression: Float64Array;
  readonly lips: Float64Array;
  readonly face: Float32Array;
  private collar: number[];
  private held: number[];
  private onFace: number[];
  private unit: number;

  private constructor(
    private canvas: Picture,
    private names: Names,
    private points: Point[],
    private named: Named,
    private eyes: Eye[],
    private seen: Look | undefined,
  ) {
    const numbers = (fits: (name: string) => boolean): number[] =>
      Object.keys(names)
        .filter(fits)
        .map((name) => names[name]);
    this.collar = numbers((name) => name.startsWith("neck."));
    this.held = numbers((name) => HELD.some((start) => name.startsWith(start)) && !name.endsWith("_lid"));
    this.onFace = onFaceOf(names);
    const frame = headFrame(named, true);
    const own = frame.inverse();
    this.unit = Math.sqrt(frame.determinant);
    const shoulders = COLLAR.map((name) => own.at(named[`neck.${name}`])).sort((one, other) => one[0] - other[0]);
    this.anatomy = { frame, chin: own.at(named["mouth.chin"])[1], shoulders };
    this.middle = named["nose.bridge"];
    this.sure = seen && seen.score >= SURE ? frame : undefined;
    this.expression = Float64Array.from(eyes.flatMap((eye) => eye.does));
    this.lips = seeMouth(named, seen);
    const size = canvas.width;
    const hull = hullOf(
      this.onFace.map((k) => points[k]),
      size,
    );
    const parts = this.parts();
    this.face = boxBlur(hull, size, roundHalfEven(0.1 * this.unit)).map((value, k) => value * (1 - parts[k]));
  }

  /** `names`: of the `points` (K, 2) in [-1, 1] that a model of that `resolution` has found in `canvas`. */
  static async in(
    canvas: Canvas,
    names: Names,
    points: ArrayLike<number>,
    resolution: number,
    look: Lookers,
  ): Promise<NamedFace> {
    const places = canvas.places(points, resolution);
    const face = named(places, names);
    const eyes = await eyesOf(canvas.picture, face, look.eye);
    const seen = await lookOf(canvas.picture, names, places, look.mesh);
    return new NamedFace(canvas.picture, names, places, face, eyes, seen);
  }

  /** (c, c): where mouth and eyes are, which the model's flow would stretch. */
  private parts(): Float32Array {
    const size = this.canvas.width;
    const { frame, chin } = this.anatomy;
    const own = frame.inverse();
    const mouth = times(0.5, plus(own.at(this.named["mouth.corner_left"]), own.at(this.named["mouth.corner_right"])));
    const length = chin - mouth[1];
    const eyes = this.eyes.map((eye) => own.at(times(0.5, plus(eye.outer, eye.inner))));
    const result = new Float32Array(size * size);
    for (let row = 0, at = 0; row < size; row++) {
      for (let column = 0; column < size; column++, at++) {
        const [x, y] = own.at([column, row]);
        let squares = ((x - mouth[0]) / 0.48) ** 2 + ((y - mouth[1] - length / 2 + 0.02) / (0.62 * length + 0.18)) ** 2;
        for (const eye of eyes) {
          squares = Math.min(squares, ((x - eye[0]) / 0.26) ** 2 + ((y - eye[1] + 0.04) / 0.2) ** 2);
        }
        result[at] = smooth((1.25 - Math.sqrt(squares)) / 0.25);
      }
    }
    return result;
  }

  base(alpha: Float32Array): Base {
    const relief = new Relief(this.named, alpha);
    const base: Base = (driven, cells) => relief.steps(named(driven, this.names), cells);
    return Object.assign(base, { relief, names: this.names });
  }

  neck(driven: readonly Point[]): Pairs {
    return [this.collar.map((k) => driven[k]), this.collar.map((k) => this.points[k])];
  }

  head(driven: readonly Point[]): Affine {
    return headFrame(named(driven, this.names), true);
  }

  exact(driven: readonly Point[], cells: readonly Point[], moved: Float64Array): Float64Array {
    const step = cells[1][0] - cells[0][0];
    const at = this.held.map((k) => times(1 / step, minus(driven[k], cells[0])));
    const wanted = this.held.map((k) => minus(this.points[k], driven[k]));
    return through(moved, at, wanted, Math.max((REACH * this.unit) / step, 1));
  }

  async shutters(picture: Texture, look: Lookers): Promise<Shutters> {
    const eyes = SIDES.map((side, index): [EyeShutter, number] => {
      const eye = this.eyes[index];
      return [new EyeShutter(eye, this.named[`eye_${side}.brow`], picture), eye.width / this.unit];
    });
    return new Shutters(eyes, await this.mouth(picture, look.mouth));
  }

  private async mouth(picture: Texture, painter: MouthNetwork): Promise<MouthShutter> {
    const { frame, chin } = this.anatomy;
    const [own, face] = [frame.inverse(), this.named];
    const found = this.seen && lipsOf(this.seen.points);
    const [right, left] = ["right", "left"].map((side) => own.at(face[`mouth.corner_${side}`]));
    if (found) {
      const [innerUpper, innerLower, outerUpper, outerLower] = found.lips.map((line) => line.map((at) => own.at(at)));
      const away = [distance(innerUpper[0], right), distance(innerUpper[innerUpper.length - 1], left)];
      if (Math.max(...away) < 0.3) {
        const lips = { innerUpper, innerLower, outerUpper, outerLower };
        return MouthShutter.of(frame, lips, own.at(found.nose)[1], own.at(found.chin)[1], picture, painter);
      }
    }
    const [upper, lower] = ["upper_lip", "lower_lip"].map((name) => own.at(face[`mouth.${name}`]));
    const lips = lipsBetween(right, left, upper, lower);
    return MouthShutter.of(frame, lips, own.at(face["nose.base"])[1], chin, picture, painter);
  }
}

/** By the face detector and the model's flow, for models whose points have no names. Nothing opens or shuts. */
export class SeenFace implements Subject {
  readonly anatomy: Anatomy;
  readonly middle: Point;
  readonly sure: Affine;
  readonly face: Float32Array;
  private own: Affine;

  /** `face` in pixels of a canvas of `size` a side. */
  constructor(face: Face, size: number) {
    const [right, left, , mouth] = face.landmarks;
    const template: Point[] = [
      [-BETWEEN, 0.01],
      [BETWEEN, 0.01],
      [0, MOUTH],
    ];
    const frame = Affine.similarity(template, [right, left, mouth]);
    this.anatomy = { frame, chin: 1.15, shoulders: USUAL_SHOULDERS as never as Point[] };
    this.middle = frame.at([0, 0.3]);
    this.sure = frame;
    this.own = frame.inverse();
    this.face = Float32Array.from({ length: size * size }, (_, at) => {
      const [x, y] = this.own.at([at % size, Math.floor(at / size)]);
      return smooth((1.15 - Math.hypot(x / 0.68, (y - 0.42) / 0.82)) / 0.3);
    });
  }

  base(): Base {
    return (_, cells, moved) => this.flat(cells, moved);
  }

  /** See `Base`: by the one affine map that the flow makes about the face. */
  private flat(cells: readonly Point[], moved?: ArrayLike<number>): Float64Array {
    if (!moved) throw new Error("without named points only a model tells how a head moves");
    const map = Affine.fit(...this.within(([x, y]) => Math.hypot(x / 0.65, (y - 0.2) / 0.55) < 1, cells, moved), STIFFNESS);
    return Float64Array.from(cells.flatMap((cell) => [...minus(map.at(cell), cell)]));
  }

  neck(_: unknown, cells: readonly Point[], moved: ArrayLike<number>): Pairs {
    const { chin, shoulders } = this.anatomy;
    return this.within(([x, y]) => Math.abs(x) < 0.9 && y > chin + 0.3 && y < shoulders[2][1] + 0.4, cells, moved);
  }

  /** `cells` that show what `fits` in the head's own frame, and where they are `moved`; where these are too few, all at rest. */
  private within(fits: (place: Point) => boolean, cells: readonly Point[], moved: ArrayLike<number>): Pairs {
    const places = cells.map(([x, y], k): Point => [x + moved[2 * k], y + moved[2 * k + 1]]);
    const numbers = [...cells.keys()].filter((k) => fits(this.own.at(places[k])));
    if (numbers.length <= 5) return [[...cells], [...cells]];
    return [numbers.map((k) => cells[k]), numbers.map((k) => places[k])];
  }

  head(): undefined {
    return undefined;
  }

  exact(_: unknown, __: unknown, moved: Float64Array): Float64Array {
    return moved;
  }

  async shutters(): Promise<Shutters> {
    return new Shutters([]);
  }
}

/**
 * The face that a model of that `resolution` has found in `canvas`, where its `points` (K, 2) in [-1, 1] have `names`; else
 * the largest one that the face detector finds; nothing where there is none.
 */
export async function seeSubject(
  canvas: Canvas,
  names: Names,
  points: ArrayLike<number>,
  resolution: number,
  look: Lookers,
): Promise<Subject | undefined> {
  if (Object.keys(names).length) return NamedFace.in(canvas, names, points, resolution, look);
  const [face] = await findFaces(canvas.picture, 2, look.face);
  return face && new SeenFace(face, canvas.size);
}

/**
 * What the networks that look at faces see in the square picture `frame`, where a model's `points` (K, 2) in [-1, 1] have
 * `names`: the head (40, 3), lips (7, 2) and eyes (2, 3), as motions have them.
 */
export async function seeFace(
  frame: Picture,
  names: Names,
  points: ArrayLike<number>,
  look: Pick<Lookers, "mesh" | "eye">,
): Promise<Record<"head" | "lips" | "eyes", Float32Array>> {
  const places = pixelsOf(points, frame.width);
  const seen = await lookOf(frame, names, places, look.mesh);
  const head = seeHead(named(places, names), seen);
  const face = averaged(named(places, names), head);
  const eyes = (await eyesOf(frame, face, look.eye)).flatMap((eye) => eye.does);
  return {
    head: asArray(head, frame.width),
    lips: Float32Array.from(seeMouth(face, seen)),
    eyes: Float32Array.from(eyes),
  };
}

/** The first of them alone. */
export async function seeHeadIn(
  frame: Picture,
  names: Names,
  points: ArrayLike<number>,
  look: MeshNetwork,
): Promise<Float32Array> {
  const places = pixelsOf(points, frame.width);
  return asArray(seeHead(named(places, names), await lookOf(frame, names, places, look)), frame.width);
}

/** What the mesh sees of the face in `picture`, whose `points` are in pixels. */
function lookOf(picture: Picture, names: Names, points: readonly Point[], look: MeshNetwork): Promise<Look | undefined> {
  const ends = ["eye_right.outer", "eye_left.outer"].map((name) => points[names[name]]);
  return lookAt(picture, ends, onFaceOf(names).map((k) => points[k]), look);
}

/** Numbers of the points that lie on the face itself. */
function onFaceOf(names: Names): number[] {
  return Object.keys(names)
    .filter((name) => FACE.includes(name.split(".")[0]))
    .map((name) => names[name]);
}

/** Left and right eye of the `face` in `picture`. */
async function eyesOf(picture: Picture, face: Named, look: EyeNetwork): Promise<Eye[]> {
  const corners = SIDES.map((side): Corners => [face[`eye_${side}.inner`], face[`eye_${side}.outer`]]);
  const found = await findEyes(picture, corners, look);
  return found.map((eye, index) => (plausible(eye, corners[index]) ? eye : plainEye(face, SIDES[index])));
}

/** Whether the corners of `eye` lie where the known ones do. */
function plausible(eye: Eye, [inner, outer]: Corners): boolean {
  const width = distance(inner, outer);
  const away = Math.max(distance(eye.inner, inner), distance(eye.outer, outer));
  return away < 0.4 * width && eye.width > 0.5 * width;
}

/** An eye by its four points alone, lids as bows between the corners. */
export function plainEye(face: Named, side: string): Eye {
  const [inner, outer, upper, lower] = ["inner", "outer", "upper_lid", "lower_lid"].map((name) => face[`eye_${side}.${name}`]);
  const middle = mean([inner, outer]);
  const lid = (through: Point): Point[] =>
    Array.from({ length: 9 }, (_, k) => {
      const x = k / 8;
      const line = plus(outer, times(x, minus(inner, outer)));
      return plus(line, times((4 * x * (1 - x)) ** 0.6, minus(through, middle)));
    });
  return new Eye(lid(upper), lid(lower), mean([upper, lower]), 0.2 * distance(inner, outer));
}
