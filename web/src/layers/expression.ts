/** What a face does: how far mouth and eyes are open and where they look, apart from how the head is turned. */
import { clamp, smooth } from "../numbers";
import constants from "../shared/layers.json";
import { headFrame, minus, times, type Named, type Point } from "./frames";

const { SIDES, SHUT, SURELY, POSSIBLY, WIDEST, LEAST_OPEN, NARROWER, WINK, VERGENCE } = constants.expression;
const { SEEN, SIDEWAYS } = constants.expression;
const { PARTED, CLOSED, SHOWN, SLOWLY, NARROW, GIVEN_UP, OPENED, LEAST_PARTED, CLOSING, ROOM } = constants.expression;
const { CALM, WIDE_MOUTH } = constants.expression;

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
}

/** A face at one moment: its named points, and `eyes` (2, 3) as a motion has them. */
export interface Face {
  points: Named;
  eyes: ArrayLike<number>;
}

/** Whether nothing differs. */
export function atRest({ upperLip, lowerLip, chin, corners, lids, brows, gaze }: Expression): boolean {
  const moved = [upperLip, lowerLip, chin, ...corners.flat(), ...brows, ...gaze.flat()];
  return moved.every((value) => value === 0) && lids.every((lid) => lid === 1);
}

/**
 * What the face `now` does that it does not at `rest`. `strength` 0 gives the face at rest; without `weakPoints` the points
 * have it already.
 */
export function expression(now: Face, rest: Face, strength = 1, weakPoints = true): Expression {
  const [frame, frameRest] = [headFrame(now.points).inverse(), headFrame(rest.points).inverse()];
  const factor = weakPoints ? strength : 1;
  const moved = (name: string): Point =>
    times(factor, minus(frame.at(now.points[name]), frameRest.at(rest.points[name])));
  const [upper, lower] = ["upper", "lower"].map((lip) => moved(`mouth.${lip}_lip`)[1]);
  const parted = lower > upper ? PARTED * (lower - upper) : lower - upper;
  const [opening, usual, ...irises] = [0, 1, 2].flatMap((part) =>
    [now, rest].map(({ eyes }): Point => [eyes[part], eyes[3 + part]]),
  );
  const lids = lidsOf(opening, usual);
  const [across, down] = [0, 2].map((at) => minus(irises[at], irises[at + 1]));
  const restGap = frameRest.at(rest.points["mouth.lower_lip"])[1] - frameRest.at(rest.points["mouth.upper_lip"])[1];
  return {
    upperLip: upper,
    lowerLip: Math.min(upper + parted, WIDE_MOUTH),
    chin: Math.min(moved("mouth.chin")[1], WIDE_MOUTH),
    corners: SIDES.map((side) => times(CALM, moved(`mouth.corner_${side}`))),
    lids: lids.map((lid) => clamp(1 + strength * (lid - 1), 0, WIDEST)),
    brows: SIDES.map((side) => moved(`eye_${side}.brow`)[1]),
    gaze: gazeOf(across, down, lids).map((eye) => times(strength, eye)),
    parted: weakPoints ? PARTED * Math.max(restGap - CLOSED, 0) : null,
  };
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
  const both = (down[0] + down[1]) / 2;
  return [right, -right].map((way): Point => [known * (inward + way), known * both]);
}

/**
 * What `face` is on a mouth that is open by `opening` at rest, `width` wide, and so far (`length`) from its chin:
 * runtime/layers/expression.py says why.
 */
export function onMouth(face: Expression, opening: number, width: number, length: number): Expression {
  const parted = face.lowerLip - face.upperLip;
  const own = face.parted === null ? 0 : Math.max(opening, 0);
  let { corners } = face;
  let opens = parted;
  if (face.parted !== null && parted < 0) {
    opens = parted * clamp(own / Math.max(face.parted / PARTED, LEAST_PARTED), 1, CLOSING);
  } else if (face.parted !== null) {
    const shown = own * smooth((own - SHOWN[0]) / (SHOWN[1] - SHOWN[0]));
    const beyond = Math.max(shown - face.parted, 1e-6);
    opens = parted + beyond * Math.expm1(-parted / (SLOWLY * beyond));
    const inwards = GIVEN_UP * (Math.max(width - NARROW, 0) / 2) * -Math.expm1(-parted / OPENED);
    corners = corners.map(([x, y], side): Point => [x + (side ? inwards : -inwards), y]);
  }
  if (opens > 0) {
    const room = Math.max(ROOM * length, 1e-6);
    opens = -room * Math.exp(-own / room) * Math.expm1(-opens / room);
  }
  const chin = parted > opens && opens > 0 ? (face.chin * opens) / parted : face.chin;
  return { ...face, lowerLip: face.upperLip + opens, chin, corners };
}
