import { expect, it } from "vitest";
import { OneEuro } from "../src/smoothing";
import cases from "./vectors/smoothing.json";
import { motionFrom } from "./vectors";

it.each(cases)("streams as the engine smooths them, $smoothing at $rate", (given) => {
  const filter = new OneEuro(given.smoothing, given.rate);
  for (const round of [0, 1]) {
    given.frames.forEach((frame, index) => {
      const { arrays } = filter.step(motionFrom(frame, given.parameters));
      const expected = motionFrom(given.smoothed[index], given.parameters).arrays;
      expect(Object.keys(arrays)).toEqual(Object.keys(expected));
      for (const [name, values] of Object.entries(expected)) {
        values.forEach((value, at) => expect(arrays[name][at], `${name}, round ${round}`).toBeCloseTo(value, 5));
      }
    });
    filter.reset();
  }
});
