/** What a face does: how far mouth and eyes are open and where they look, apart from how the head is turned. */
import { clamp } from "../numbers";
import constants from "../shared/layers.json";
import { headFrame, minus, times, type Named, type Point } from "./frames";

const { SIDES, SHUT, WIDEST, LEAST_OPEN, OPEN, CALM, WIDE_MOUTH } = constants.expression;

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
  const parted = lower > upper ? OPEN * (lower - upper) : lower - upper;
  const eyes = [0, 1].map((side) => [0, 1, 2].map((part) => [now.eyes[3 * side + part], rest.eyes[3 * side + part]]));
  return {
    upperLip: upper,
    lowerLip: Math.min(upper + parted, WIDE_MOUTH),
    chin: Math.min(moved("mouth.chin")[1], WIDE_MOUTH),
    corners: SIDES.map((side) => times(CALM, moved(`mouth.corner_${side}`))),
    lids: eyes.map(([[opening, usual]]) => {
      const lid = clamp((opening / Math.max(usual, LEAST_OPEN) - SHUT) / (1 - SHUT), 0, WIDEST);
      return clamp(1 + strength * (lid - 1), 0, WIDEST);
    }),
    brows: SIDES.map((side) => moved(`eye_${side}.brow`)[1]),
    gaze: eyes.map(([, across, down]) => times(strength, [across[0] - across[1], down[0] - down[1]])),
  };
}
