/** What a face does: how far mouth and eyes are open and where they look, apart from how the head is turned. */
import { clamp, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { headFrame, mean, minus, times, type Named, type Point } from "./frames";
import * as mouth from "./lips";
import { drawn } from "./solid";
import { Turn } from "./turn";

const { SIDES, SHUT, SURELY, POSSIBLY, WIDEST, LEAST_OPEN, NARROWER, WINK, VERGENCE } = constants.expression;
const { SEEN, SIDEWAYS, UPRIGHT, WIDENED, THICKNESS, THIN, MOST } = constants.expression;
const { PARTED, CLOSED, SHOWN, SLOWLY, NARROW, SMILE, GIVEN_UP, OPENED } = constants.expression;
const { LEAST_PARTED, CLOSING, ROOM } = constants.expression;
const { CALM, WIDE_MOUTH, AS_DEEP } = constants.expression;

/**
 * How a face differs from itself at rest. Lengths are in the head's own frame, whose unit is the distance of the outer
 * corners of the eyes. Pairs are left and right, of the person.
 */
export interface Expression {
  /** How far the upper lip moved down in its middle. */
  upperLip: number;
  lowerLip: number;
  chin: number;
  /** By which the corners of the mouth moved. */
  corners: Point[];
  /** Opening of the eyes as a part of what it is at rest; 0 is shut. */
  lids: number[];
  /** How far the brows moved down. */
  brows: number[];
  /** By how much the irises moved, in widths of the eye: towards the inner corner, and down. */
  gaze: Point[];
  /** How far the lips of the driver are parted where its motion counts from; null where that is the face itself. */
  parted: number | null;
  /** How thick the upper and the lower lip are, of what they are at rest. */
  thickness: number[];
}

/** What of an expression tells of the mouth. */
type Mouth = Pick<Expression, "upperLip" | "lowerLip" | "chin" | "corners" | "parted" | "thickness">;

/** A face at one moment: its named points, and `eyes` (2, 3) and `lips` (7, 2) as a motion has them. */
export interface Face {
  points: Named;
  eyes: ArrayLike<number>;
  /** Where nobody looked, points tell, which know less. */
  lips?: mouth.Places;
  /** The points where the lips were seen, if they are others. */
  head?: Named;
}

/** Of each part's motion how much counts; that of the eyes is also the gaze's. */
export interface Strengths {
  mouth: number;
  eyes: number;
  brows: number;
}

/** Whether nothing differs. */
export function atRest({ upperLip, lowerLip, chin, corners, lids, brows, gaze, thickness }: Expression): boolean {
  const moved = [upperLip, lowerLip, chin, ...corners.flat(), ...brows, ...gaze.flat()];
  return moved.every((value) => value === 0) && [...lids, ...thickness].every((share) => share === 1);
}

/**
 * What the face `now` does that it does not at `rest`; without any of the `strengths` it is at rest. `counted`: whether `rest`
 * is another face's, whose motion counts from there.
 */
export function expression(now: Face, rest: Face, strengths: Strengths, counted = true): Expression {
  const [byLips, lids, brows] = [strengths.mouth, strengths.eyes, strengths.brows].map((value) => Math.min(value, MOST));
  const usually = ownOf(rest.points);
  const moves = unturned(ownOf(now.points), usually, new Turn(now.points, rest.points));
  const [opening, usual, ...irises] = [0, 1, 2].flatMap((part) =>
    [now, rest].map(({ eyes }): Point => [eyes[part], eyes[3 + part]]),
  );
  const open = lidsOf(opening, usual);
  const [across, down] = [0, 2].map((at) => minus(irises[at], irises[at + 1]));
  return {
    ...(now.lips && rest.lips
      ? mouthByLips(lipsUnturned(now.lips, rest.lips, new Turn(now.head ?? now.points, rest.points)), rest.lips, byLips, counted)
      : mouthByPoints((name) => times(byLips, moves[`mouth.${name}`]), gapOf(usually), counted)),
    lids: open.map((lid) => clamp(1 + lids * (lid - 1), 0, WIDEST)),
    brows: SIDES.map((side) => brows * moves[`eye_${side}.brow`][1]),
    gaze: gazeOf(across, down, open).map((eye) => times(lids, eye)),
  };
}

/** `points` in the head's own frame, those of mouth and brows that the drawn head has as well. */
function ownOf(points: Named): Named {
  const own = headFrame(points).inverse();
  const known = Object.keys(points).filter((name) => drawn().names.has(name));
  const names = known.filter((name) => name.startsWith("mouth.") || name.endsWith(".brow"));
  return Object.fromEntries(names.map((name) => [name, own.at(points[name])]));
}

/** By how much these differ `now` from `rest`, less what the `turn` does to them. */
function unturned(now: Named, rest: Named, turn: Turn): Named {
  const moved = Object.fromEntries(
    Object.entries(rest).map(([name, place]) => [name, minus(minus(now[name], turn.way(place, name)), place)]),
  );
  const corners = SIDES.map((side) => `mouth.corner_${side}`);
  const aside = mean(corners.map((name) => moved[name]))[0] * turn.sideways(rest["mouth.chin"]);
  for (const name of corners) moved[name] = minus(moved[name], [aside, 0]);
  return moved;
}

/** Lips `now`, less what the `turn` does to them. */
function lipsUnturned(now: mouth.Places, rest: mouth.Places, turn: Turn): Float64Array {
  const usual = AS_DEEP.map((_, place): Point => [rest[2 * place], rest[2 * place + 1]]);
  const found = AS_DEEP.flatMap((name, place) => {
    const [x, y] = turn.way(usual[place], `mouth.${name}`);
    return [now[2 * place] - x, now[2 * place + 1] - y];
  });
  const [left, right] = [2 * mouth.LEFT, 2 * mouth.RIGHT];
  const aside = (turn.sideways(usual[mouth.TIP]) * (found[left] - rest[left] + found[right] - rest[right])) / 2;
  found[left] -= aside;
  found[right] -= aside;
  return Float64Array.from(found);
}

/** What a mouth does, by its lips. */
function mouthByLips(now: mouth.Places, rest: mouth.Places, strength: number, counted: boolean): Mouth {
  const { LEFT, RIGHT, UPPER, LOWER, RIM_UPPER, RIM_LOWER, TIP, between } = mouth;
  const moved = (place: number): Point =>
    times(strength, [now[2 * place] - rest[2 * place], now[2 * place + 1] - rest[2 * place + 1]]);
  const opens = Math.min(strength * mouth.opened(now, rest), WIDE_MOUTH);
  const seam = (moved(UPPER)[1] + moved(LOWER)[1]) / 2;
  const thickness = [
    [RIM_UPPER, UPPER],
    [LOWER, RIM_LOWER],
  ].map(([above, below]) => {
    const [thick, usual] = [now, rest].map((lips) => Math.max(between(lips, above, below), THIN));
    return clamp(1 + strength * (thick / usual - 1), THICKNESS[0], THICKNESS[1]);
  });
  return {
    upperLip: seam - opens / 2,
    lowerLip: seam + opens / 2,
    chin: Math.min(constants.expression.CHIN * moved(TIP)[1], WIDE_MOUTH),
    corners: [LEFT, RIGHT].map((end): Point => [WIDENED[0] * moved(end)[0], WIDENED[1] * moved(end)[1]]),
    parted: counted ? mouth.apart(rest) : null,
    thickness,
  };
}

/** What a mouth does, by how its points moved in the head's own frame; `gap`: how far those of its lips were apart. */
function mouthByPoints(moved: (name: string) => Point, gap: number, counted: boolean): Mouth {
  const [upper, lower] = [moved("upper_lip")[1], moved("lower_lip")[1]];
  const parted = lower > upper || counted ? PARTED * (lower - upper) : lower - upper;
  return {
    upperLip: upper,
    lowerLip: Math.min(upper + parted, WIDE_MOUTH),
    chin: Math.min(moved("chin")[1], WIDE_MOUTH),
    corners: SIDES.map((side) => times(CALM, moved(`corner_${side}`))),
    parted: counted ? PARTED * Math.max(gap - CLOSED, 0) : null,
    thickness: [1, 1],
  };
}

/** Distance of the lips' points in the head's own frame. */
function gapOf(own: Named): number {
  return own["mouth.lower_lip"][1] - own["mouth.upper_lip"][1];
}

/** How far the eyes are open, of what they are at rest. Lids move together, but for a wink. */
function lidsOf(opening: Point, usual: Point): Point {
  const atRest = usual.map((value) => Math.max(value, LEAST_OPEN));
  const shares = opening.map((value, eye) => value / atRest[eye]);
  const lids = shares.map((share, eye) => {
    const shut = clamp(SHUT / atRest[eye], SURELY, POSSIBLY);
    return clamp((share - shut) / (1 - shut), 0, WIDEST);
  });
  const together = NARROWER * Math.min(...lids) + (1 - NARROWER) * Math.max(...lids);
  const wink = smooth((Math.abs(shares[0] - shares[1]) - WINK[0]) / (WINK[1] - WINK[0]));
  const [left, right] = lids.map((lid) => together + wink * (lid - together));
  return [left, right];
}

/**
 * Where the eyes look, of what their irises moved `across` (towards the inner corner) and `down`. Eyes turn together: up
 * and down by the same, one towards the inner corner, the other away from it by as much.
 */
function gazeOf(across: Point, down: Point, lids: Point): Point[] {
  const known = smooth(((lids[0] + lids[1]) / 2 - SEEN[0]) / (SEEN[1] - SEEN[0]));
  const right = (SIDEWAYS * (across[0] - across[1])) / 2;
  const inward = (VERGENCE * (across[0] + across[1])) / 2;
  const both = (UPRIGHT * (down[0] + down[1])) / 2;
  return [right, -right].map((way): Point => [known * (inward + way), known * both]);
}

/**
 * What `face` is on a mouth that is open by `opening` at rest, `width` wide, and so far (`length`) from its chin:
 * runtime/layers/expression.py says why.
 */
export function onMouth(face: Expression, opening: number, width: number, length: number): Expression {
  const parted = face.lowerLip - face.upperLip;
  const own = face.parted === null ? 0 : Math.max(opening, 0);
  const wider = Math.max(width - NARROW, 0);
  let corners = face.parted === null ? face.corners : smiling(face.corners, 1 - Math.min(wider / SMILE, 1));
  let opens = parted;
  if (face.parted !== null && parted < 0) {
    opens = parted * clamp(own / Math.max(face.parted, LEAST_PARTED), CLOSING[0], CLOSING[1]);
  } else if (face.parted !== null) {
    const beyond = Math.max(shown(own) - face.parted, 1e-6);
    opens = parted + beyond * Math.expm1(-parted / (SLOWLY * beyond));
    const inwards = GIVEN_UP * (wider / 2) * -Math.expm1(-parted / OPENED);
    corners = corners.map(([x, y], side): Point => [x + (side ? inwards : -inwards), y]);
  }
  if (opens > 0) {
    const room = Math.max(ROOM * length, 1e-6);
    opens = -room * Math.exp(-own / room) * Math.expm1(-opens / room);
  }
  let { chin, upperLip } = face;
  if (parted > opens && opens > 0) {
    // All of a mouth that cannot open as wide goes a shorter way, or else it becomes a dome.
    const part = opens / parted;
    [chin, upperLip] = [chin * part, upperLip * part];
    const rises = Math.max((corners[0][1] + corners[1][1]) / 2, 0) * (part - 1);
    corners = corners.map(([x, y]): Point => [x, y + rises]);
  }
  return { ...face, upperLip, lowerLip: upperLip + opens, chin, corners };
}

/** `corners` that widen a mouth and rise by that `share` alone. */
function smiling([[left, leftDown], [right, rightDown]]: Point[], share: number): Point[] {
  const aside = ((1 - share) * Math.max(left - right, 0)) / 2;
  const down = (1 - share) * Math.min((leftDown + rightDown) / 2, 0);
  return [
    [left - aside, leftDown - down],
    [right + aside, rightDown - down],
  ];
}

/** How much of a mouth's `opening` at rest one sees: lips that are together are found a little apart, too. */
export function shown(opening: number): number {
  return Math.max(opening, 0) * smooth((opening - SHOWN[0]) / (SHOWN[1] - SHOWN[0]));
}
