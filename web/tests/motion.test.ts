import { describe, expect, it } from "vitest";
import { absolute, hullArea, movementScale, relative, type Motion } from "../src/motion";
import cases from "./vectors/motion.json";
import { motionFrom } from "./vectors";

const near = (found: Motion, expected: Motion): void => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const part of Object.keys(expected) as (keyof Motion)[]) {
    expected[part]!.forEach((value, index) => expect(found[part]![index]).toBeCloseTo(value, 5));
  }
};

describe.each(cases)("motion as the engine moves it, strength $strength", (given) => {
  const [source, driving, reference] = [given.source, given.driving, given.reference].map(motionFrom);

  it("relative", () => near(relative(source, driving, reference, given), motionFrom(given.relative)));
  it("absolute", () => near(absolute(source, driving, given.strength), motionFrom(given.absolute)));
  it("hulls", () => {
    expect(hullArea(source.points)).toBeCloseTo(given.hull, 10);
    expect(movementScale(source.points, reference.points)).toBeCloseTo(given.scale, 10);
  });
});

it("a driving frame in the reference's pose leaves the photo in its own", () => {
  const [source, driving] = [cases[0].source, cases[0].driving].map(motionFrom);
  expect(relative(source, driving, driving).points).toEqual(source.points);
});

it("points on a line, or the same point, have no hull and scale nothing", () => {
  const line = Float32Array.of(0, 0, 0.5, 0.5, 1, 1);
  expect(hullArea(line)).toBe(0);
  expect(hullArea(Float32Array.of(1, 1, 1, 1, 1, 1))).toBe(0);
  expect(movementScale(line, Float32Array.of(0, 0, 1, 0, 0, 1))).toBe(1);
});

it("a singular jacobian gives numbers", () => {
  const flat: Motion = { points: new Float32Array(2), jacobians: new Float32Array(4) };
  expect(relative(flat, flat, flat).jacobians!.every(Number.isFinite)).toBe(true);
});
