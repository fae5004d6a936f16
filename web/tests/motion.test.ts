import { describe, expect, it } from "vitest";
import { keptInside } from "../src/inside";
import { inverse } from "../src/kinds";
import { absolute, hullArea, movementScale, places, relative, type Motion } from "../src/motion";
import cases from "./vectors/motion.json";
import { motionFrom } from "./vectors";

const near = (found: Motion, expected: Motion): void => {
  expect(Object.keys(found.arrays).sort()).toEqual(Object.keys(expected.arrays).sort());
  for (const [name, values] of Object.entries(expected.arrays)) {
    values.forEach((value, index) => expect(found.arrays[name][index], name).toBeCloseTo(value, 5));
  }
};

describe.each(cases)("motion as the engine moves it, strength $strength", (given) => {
  const from = (arrays: Record<string, number[] | undefined>): Motion => motionFrom(arrays, given.parameters);
  const [source, driving, reference] = [given.source, given.driving, given.reference].map(from);

  it("relative", () => near(relative(source, driving, reference, given), from(given.relative)));
  it("absolute", () => near(absolute(source, driving, given.strength), from(given.absolute)));
  it("kept inside", () => near(keptInside(source, from(given.relative)), from(given.inside)));
  it("places and hulls", () => {
    expect(Array.from(places(source))).toEqual(given.places);
    expect(hullArea(places(source))).toBeCloseTo(given.hull, 10);
    expect(movementScale(places(source), places(reference))).toBeCloseTo(given.scale, 10);
  });
});

it("a driving frame in the reference's pose leaves the photo in its own", () => {
  const [source, driving] = [cases[0].source, cases[0].driving].map((arrays) => motionFrom(arrays, cases[0].parameters));
  expect(relative(source, driving, driving).arrays.points).toEqual(source.arrays.points);
});

it("points on a line, or the same point, have no hull and scale nothing", () => {
  const line = Float32Array.of(0, 0, 0.5, 0.5, 1, 1);
  expect(hullArea(line)).toBe(0);
  expect(hullArea(Float32Array.of(1, 1, 1, 1, 1, 1))).toBe(0);
  expect(movementScale(line, Float32Array.of(0, 0, 1, 0, 0, 1))).toBe(1);
});

it.each([2, 3])("a singular matrix of %i rows gives numbers", (side) => {
  expect(inverse(new Float32Array(side * side), side).every(Number.isFinite)).toBe(true);
});
