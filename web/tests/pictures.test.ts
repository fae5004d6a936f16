import { describe, expect, it } from "vitest";
import { roundHalfEven } from "../src/numbers";
import { square, toRgba } from "../src/picture";
import { resize, type Box, type Filter } from "../src/resample";
import { Window } from "../src/window";
import vectors from "./vectors/pictures.json";
import { drawn, withAlpha } from "./vectors";

describe("resizing is Pillow's, to the byte", () => {
  it.each(vectors.resized)("$picture to $size, $filter", (given) => {
    const picture = drawn(given.picture[0], given.picture[1]);
    const options = { box: given.box as never as Box, filter: given.filter as Filter, gap: given.gap ?? undefined };
    const size = [given.size[0], given.size[1]] as const;
    expect([...resize(picture, size, options).data]).toEqual(given.bytes);
    expect([...resize(withAlpha(picture), size, options).data]).toEqual(given.bytes);
  });
});

describe("windows are cut as the engine cuts them", () => {
  it.each(vectors.cuts)("$window of $picture, $outside outside", (given) => {
    const [left, top, side] = given.window;
    const picture = drawn(given.picture[0], given.picture[1]);
    const cut = new Window(left, top, side).cut(picture, given.target, given.outside as "border" | "black");
    expect([...cut]).toEqual(given.bytes);
  });
  it("the middle", () => {
    const [width, height] = vectors.square.picture;
    expect([...square(drawn(width, height), vectors.square.size)]).toEqual(vectors.square.bytes);
  });
});

it("a window in whole pixels stays the same, and one of another picture does not touch", () => {
  const window = new Window(3, -2, 8);
  expect(window.snapped()).toEqual(window);
  expect(new Window(0.4, 0.4, 7.6).snapped()).toEqual(new Window(0, 0, 8));
  expect(new Window(10, 10, 5).touches([10, 20])).toBe(false);
  expect(Window.centered([10, 4])).toEqual(new Window(3, 0, 4));
});

it("halves are rounded to the even neighbour", () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2, 2, 3]);
});

it("a canvas gets opaque pixels", () => {
  expect([...toRgba(Uint8Array.of(1, 2, 3, 4, 5, 6))]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
});
