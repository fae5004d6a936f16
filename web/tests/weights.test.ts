/** Graphs whose weights are another's, put together; as protocol buffers of a few fields, written by hand. */
import { expect, it } from "vitest";
import { withWeights } from "../src/weights";

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
/** A field that holds bytes; shorter than 128 of them, or with a length of two bytes. */
const field = (number: number, content: number[]): number[] => [
  (number << 3) | 2,
  ...(content.length < 128 ? [content.length] : [(content.length % 128) | 128, content.length >> 7]),
  ...content,
];
const weight = (name: string, size: number): number[] => field(5, [0x10, 1, ...field(8, bytes(name)), ...field(9, Array(size).fill(7))]);
const node = (...inputs: string[]): number[] => field(1, inputs.flatMap((name) => field(1, bytes(name))));
const model = (...parts: number[][]): Uint8Array => Uint8Array.from([0x08, 10, ...field(7, parts.flat()), ...field(8, [0x10, 19])]);

it("a graph gets the weights that its nodes name, whole and once, and no others", () => {
  const larger = model(node("a"), weight("a", 300), weight("b", 3), weight("own", 5), weight("c", 2));
  const graph = model(node("x", "a"), node("a", "own", "c"), weight("own", 1));
  const found = withWeights(graph, larger);
  const expected = field(7, [...weight("a", 300), ...weight("c", 2)]);
  expect([...found]).toEqual([...graph, ...expected]);
});

it("a graph that breaks off is refused", () => {
  const whole = model(node("a"), weight("a", 3));
  for (const length of [whole.length - 1, 4]) {
    expect(() => withWeights(whole.subarray(0, length), whole)).toThrow(/ends within/);
  }
  expect(() => withWeights(Uint8Array.of(0x0b), whole)).toThrow(/unknown kind/);
});
