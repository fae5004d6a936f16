import { expect, it } from "vitest";
import { OneEuro } from "../src/smoothing";
import cases from "./vectors/smoothing.json";
import { motionFrom } from "./vectors";

it.each(cases)("streams as the engine smooths them, $smoothing at $rate", ({ smoothing, rate, frames, smoothed }) => {
  const filter = new OneEuro(smoothing, rate);
  for (const round of [0, 1]) {
    frames.forEach((frame, index) => {
      const found = filter.step(motionFrom(frame));
      const expected = motionFrom(smoothed[index]);
      expected.points.forEach((value, at) => expect(found.points[at], `round ${round}`).toBeCloseTo(value, 5));
      expected.jacobians?.forEach((value, at) => expect(found.jacobians![at]).toBeCloseTo(value, 5));
      expected.eyes?.forEach((value, at) => expect(found.eyes![at]).toBeCloseTo(value, 5));
      expect(found.covariances).toEqual(motionFrom(frame).covariances);
    });
    filter.reset();
  }
});
