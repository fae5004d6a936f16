/**
 * What is done to the parameters of a motion, kind by kind: the arithmetic of runtime/motion/kinds.py, in single precision
 * where that is. Nothing else asks for an array by its name where a kind would do.
 */
import { withoutGlasses } from "./layers/glasses";
import { clamp } from "./numbers";
import constants from "./shared/motion.json";

/** One array of a motion, of one frame, as a bundle declares it. */
export interface Parameter {
  kind: string;
  shape: readonly number[];
  /** Of coefficients: least and largest value of each. */
  ranges?: readonly (readonly number[])[];
  /** Of codes: which of its numbers absolute modes leave to the source. */
  kept?: readonly number[];
}

/** By their names. */
export type Parameters = Readonly<Record<string, Parameter>>;

/** What a change of pose is counted with: strength, and how many of the driver's lengths are one of the source's. */
export interface Weights {
  strength: number;
  scale: number;
}

interface Kind {
  /** The way from `source` to `driving`, as far as `strength` says. */
  between(source: Float32Array, driving: Float32Array, strength: number, what: Parameter): Float32Array;
  /** What absolute modes make of `driving`; where a kind does not say, all the way `between`. */
  taken?(source: Float32Array, driving: Float32Array, strength: number, what: Parameter): Float32Array;
  /** `source`, changed as `driving` has changed since `reference`. */
  since(
    source: Float32Array,
    driving: Float32Array,
    reference: Float32Array,
    weights: Weights,
    what: Parameter,
  ): Float32Array;
  /** What value number `index` is multiplied with to be like coordinates when speed is measured. */
  unit(what: Parameter, index: number): number;
  /** Smoothed values as ones that a parameter of the kind can have. */
  mended?(values: Float32Array): Float32Array;
}

const f = Math.fround;

/** Least factor of a ratio, and least length that is divided by. */
const LEAST = 1e-6;
/** Sine of an angle so near to 0 or 180 degrees that a matrix hardly tells the axis by what is skew in it. */
const HALF_TURN = 1e-6;
/** How much of the light that changes on a driver changes on somebody else. */
const LAMPS = 0.5;
/** Steps to the nearest rotation. */
const NEWTON = 8;

/** The driving frame's own, whatever the mode. */
const OWN: Kind = { between: (_, driving) => driving, since: (_, driving) => driving, unit: () => 1 };

const LINE: Kind = {
  between: (source, driving, strength) =>
    source.map((value, at) => f(value + f(f(strength) * f(driving[at] - value)))),
  since: (source, driving, reference, { strength }) => since(source, driving, reference, strength),
  unit: () => 1,
};

const PLACE: Kind = {
  ...LINE,
  since: (source, driving, reference, { strength, scale }) => since(source, driving, reference, strength * scale),
};

const LINEAR: Kind = { ...LINE, since: changed };

const ROTATION: Kind = {
  between: (source, driving, strength) => turnedOn(source, driving, source, strength),
  since: (source, driving, reference, { strength }) => turnedOn(source, driving, reference, strength),
  unit: () => Math.SQRT1_2,
  mended: nearestRotations,
};

const RATIO: Kind = {
  between: (source, driving, strength) => multiplied(source, driving, source, strength),
  taken: (source) => source,
  since: (source, driving, reference, { strength }) => multiplied(source, driving, reference, strength),
  unit: () => 1,
  mended: (values) => values.map((value) => Math.max(value, LEAST)),
};

const CODE: Kind = {
  ...LINE,
  taken: (source, driving, strength, { kept }) => {
    const moved = strength === 1 ? driving.slice() : LINE.between(source, driving, strength, { kind: "code", shape: [] });
    for (const at of kept ?? []) moved[at] = source[at];
    return moved;
  },
  unit: ({ shape }) => shape.at(-1)! ** -0.5,
};

/**
 * Who is moved by another one's changes stays under their own lamps: of light, each third number, half is taken over; and does
 * not put on their glasses.
 */
const RESIDUAL: Kind = {
  ...CODE,
  since: (source, driving, reference, weights, what) => {
    const moved = CODE.since(source, driving, reference, weights, what).map((value, at) => f(value - source[at]));
    return withoutGlasses(moved).map((value, at) => f(source[at] + (at % 3 === 2 ? f(LAMPS * value) : value)));
  },
};

const COEFFICIENT: Kind = {
  between: (source, driving, strength, what) => within(LINE.between(source, driving, strength, what), what),
  since: (source, driving, reference, weights, what) =>
    within(LINE.since(source, driving, reference, weights, what), what),
  unit: ({ ranges }, index) => 2 / (ranges![index][1] - ranges![index][0]),
};

const KINDS: Readonly<Record<string, Kind>> = {
  point: PLACE,
  contour: PLACE,
  linear: LINEAR,
  covariance: OWN,
  rotation: ROTATION,
  coefficient: COEFFICIENT,
  ratio: RATIO,
  code: CODE,
  eye: OWN,
  lip: OWN,
  head: OWN,
  limbs: OWN,
  residual: RESIDUAL,
  take: OWN,
};
/** What no model finds, but the engine itself. */
const LOOKED = ["eye", "lip", "head", "limbs", "residual", "take"];

/** What is done to parameters of that kind. */
export function kindOf({ kind }: Parameter): Kind {
  return KINDS[kind];
}

/** Whether this page knows what to do with `kind`, and a bundle may declare it. */
export function isKind(kind: unknown): boolean {
  return typeof kind === "string" && !LOOKED.includes(kind) && Object.hasOwn(KINDS, kind);
}

/** Numbers of one vector, over which its speed is measured when it is smoothed; none where nothing is smoothed. */
export function vectorOf({ kind, shape }: Parameter): number | undefined {
  const axes = (constants.AXES as Record<string, number | null>)[kind];
  return axes === null ? undefined : size(axes ? shape.slice(-axes) : []);
}

/** Parameters that have a name of their own, and their kinds: of bundles before format 2, and what eyes and lips do. */
export const USUAL_KINDS: Readonly<Record<string, string>> = constants.USUAL;

/** Numbers in an array of that `shape`. */
export function size(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

function since(source: Float32Array, driving: Float32Array, reference: Float32Array, by: number): Float32Array {
  return source.map((value, at) => f(value + f(f(by) * f(driving[at] - reference[at]))));
}

function within(values: Float32Array, { ranges }: Parameter): Float32Array {
  return values.map((value, at) => clamp(value, ranges![at][0], ranges![at][1]));
}

/** J = (I + s (J_t J_0^-1 - I)) J_S, matrix by matrix. */
function changed(
  source: Float32Array,
  driving: Float32Array,
  reference: Float32Array,
  { strength }: Weights,
  { shape }: Parameter,
): Float32Array {
  const [side, result] = [shape.at(-1)!, new Float32Array(source.length)];
  const each = side * side;
  for (let at = 0; at < source.length; at += each) {
    const moved = product(driving.subarray(at, at + each), inverse(reference.subarray(at, at + each), side), side);
    const scaled = moved.map((value, place) => {
      const unit = place % (side + 1) === 0 ? 1 : 0;
      return unit + strength * (value - unit);
    });
    result.set(product(scaled, source.subarray(at, at + each), side), at);
  }
  return result;
}

/** r_S (r_t / r_0)^s, number by number. */
function multiplied(source: Float32Array, driving: Float32Array, reference: Float32Array, by: number): Float32Array {
  return source.map((value, at) => value * (Math.max(driving[at], LEAST) / Math.max(reference[at], LEAST)) ** by);
}

/** R = (R_t R_0^-1)^s R_S, matrix by matrix. */
function turnedOn(source: Float32Array, driving: Float32Array, reference: Float32Array, by: number): Float32Array {
  const result = new Float32Array(source.length);
  for (let at = 0; at < source.length; at += 9) {
    const [here, there, then] = [source, driving, reference].map((all) => all.subarray(at, at + 9));
    result.set(product(power(product(there, transposed(then), 3), by), here, 3), at);
  }
  return result;
}

/** The rotation `r` about the same axis, by that many times the angle, which is taken between 0 and 180 degrees. */
export function power(r: number[], strength: number): number[] {
  if (strength === 1) return r;
  let axis = [(r[7] - r[5]) / 2, (r[2] - r[6]) / 2, (r[3] - r[1]) / 2];
  const sine = Math.hypot(...axis);
  const angle = strength * Math.atan2(sine, (r[0] + r[4] + r[8] - 1) / 2);
  if (sine <= HALF_TURN) {
    const square = r.map((value, at) => value + (at % 4 === 0 ? 1 : 0));
    const column = [0, 1, 2].reduce((best, k) => (square[4 * k] > square[4 * best] ? k : best), 0);
    axis = [0, 3, 6].map((row) => square[row + column]);
  }
  const length = Math.max(Math.hypot(...axis), LEAST);
  const [x, y, z] = axis.map((value) => value / length);
  const cross = [0, -z, y, z, 0, -x, -y, x, 0];
  const squared = product(cross, cross, 3);
  const [sin, rest] = [Math.sin(angle), 1 - Math.cos(angle)];
  return cross.map((value, at) => (at % 4 === 0 ? 1 : 0) + sin * value + rest * squared[at]);
}

/** By Newton's iteration for the polar factor. */
function nearestRotations(values: Float32Array): Float32Array {
  const result = new Float32Array(values.length);
  for (let at = 0; at < values.length; at += 9) {
    let nearest = Array.from(values.subarray(at, at + 9));
    for (let step = 0; step < NEWTON; step++) {
      const other = transposed(inverse(nearest, 3));
      nearest = nearest.map((value, k) => (value + other[k]) / 2);
    }
    result.set(nearest, at);
  }
  return result;
}

function transposed(m: ArrayLike<number>): number[] {
  return [0, 3, 6, 1, 4, 7, 2, 5, 8].map((at) => m[at]);
}

function product(a: ArrayLike<number>, b: ArrayLike<number>, side: number): number[] {
  return Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    let sum = 0;
    for (let k = 0; k < side; k++) sum += a[row * side + k] * b[k * side + column];
    return sum;
  });
}

/** Of a matrix of two or three rows, by the adjugate; a singular one, which no trained detector gives, is nudged. */
export function inverse(matrix: ArrayLike<number>, side: number): number[] {
  const m = Array.from(matrix);
  const adjugate = side === 2 ? [m[3], -m[1], -m[2], m[0]] : adjugateOf(m);
  let determinant = 0;
  for (let k = 0; k < side; k++) determinant += m[k] * adjugate[k * side];
  if (Math.abs(determinant) < 1e-12) determinant = determinant < 0 || Object.is(determinant, -0) ? -1e-12 : 1e-12;
  return adjugate.map((value) => value / determinant);
}

function adjugateOf([a, b, c, d, e, g, h, i, j]: number[]): number[] {
  return [
    ...[e * j - g * i, c * i - b * j, b * g - c * e],
    ...[g * h - d * j, a * j - c * h, c * d - a * g],
    ...[d * i - e * h, b * h - a * i, a * e - b * d],
  ];
}
