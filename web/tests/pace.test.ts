/** When the live picture becomes smaller, and when larger again, of a machine that brings so many frames a second. */
import { describe, expect, it } from "vitest";
import { Pace } from "../src/pace";

/** What `seconds` from `start` on bring, where a size of so many pixels comes so often: the sizes that were in force. */
function watch(pace: Pace, rates: Record<number, number>, start: number, seconds: number): number[] {
  const sizes = [pace.side];
  for (let now = 1000 * start; now < 1000 * (start + seconds); now += 1000 / rates[pace.side]) {
    if (pace.shown(now)) sizes.push(pace.side);
  }
  return sizes;
}

describe("the live size", () => {
  it("stays where the machine keeps up, or there is one size", () => {
    expect(watch(new Pace([256, 128]), { 256: 12, 128: 24 }, 0, 60)).toEqual([256]);
    expect(watch(new Pace([256]), { 256: 2 }, 0, 60)).toEqual([256]);
  });
  it("falls where it does not, and stays there as long", () => {
    expect(watch(new Pace([256, 128]), { 256: 6, 128: 12 }, 0, 120)).toEqual([256, 128]);
  });
  it("is not tried again where the smaller one brings much more, which says nothing of the larger one", () => {
    expect(watch(new Pace([256, 128]), { 256: 5, 128: 30 }, 0, 120)).toEqual([256, 128]);
  });
  it("comes back when the machine has time again", () => {
    const pace = new Pace([256, 128]);
    expect(watch(pace, { 256: 6, 128: 12 }, 0, 20)).toEqual([256, 128]);
    expect(watch(pace, { 256: 15, 128: 30 }, 20, 60)).toEqual([128, 256]);
  });
  it("is tried less and less often where that fails", () => {
    const pace = new Pace([256, 128]);
    watch(pace, { 256: 6, 128: 12 }, 0, 10);
    const often = watch(pace, { 256: 8, 128: 27 }, 10, 60).length;
    const later = watch(pace, { 256: 8, 128: 27 }, 70, 300).length;
    expect(often).toBeGreaterThan(2);
    expect(later / 300).toBeLessThan(often / 60 / 2);
  });
  it("does not count the time in which nothing is shown", () => {
    const pace = new Pace([256, 128]);
    watch(pace, { 256: 15, 128: 30 }, 0, 2);
    pace.rest();
    expect(watch(pace, { 256: 15, 128: 30 }, 60, 20)).toEqual([256]);
  });
});
