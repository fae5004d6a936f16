/**
 * A graph whose file leaves out the weights that a larger one has (web/tools/smaller.py), with these. Both are ONNX, which is
 * protocol buffers: of two messages one behind the other, lists are appended to each other, and messages inside of them merged.
 * So the weights go behind the graph as a graph of nothing else.
 */

/** Numbers of fields: a model's graph; a graph's weights and nodes; names in these. */
const GRAPH = 7;
const NODE = 1;
const INITIALIZER = 5;
const INPUT = 1;
const NAME = 8;
/** How what is longer than a number is written. */
const LENGTH_GIVEN = 2;

interface Field {
  number: number;
  /** All of it, its number included. */
  whole: Uint8Array;
  /** What it holds; nothing where that is a number. */
  content: Uint8Array;
}

/** `graph` with those of the weights of `larger` that its nodes name and that it does not have itself. */
export function withWeights(graph: Uint8Array, larger: Uint8Array): Uint8Array {
  const own = [...of(graph, GRAPH)];
  const named = own.flatMap((part) => [...of(part, NODE)].flatMap((node) => [...of(node, INPUT)].map(text)));
  const there = new Set(own.flatMap((part) => [...of(part, INITIALIZER)].map(nameOf)));
  const wanted = new Set(named.filter((name) => !there.has(name)));
  const weights = [...of(larger, GRAPH)].flatMap((part) =>
    [...fields(part)].filter(({ number, content }) => number === INITIALIZER && wanted.has(nameOf(content))),
  );
  const length = weights.reduce((sum, { whole }) => sum + whole.length, 0);
  const head = [(GRAPH << 3) | LENGTH_GIVEN, ...varint(length)];
  const result = new Uint8Array(graph.length + head.length + length);
  result.set(graph);
  result.set(head, graph.length);
  let at = graph.length + head.length;
  for (const { whole } of weights) {
    result.set(whole, at);
    at += whole.length;
  }
  return result;
}

function* of(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { number, content } of fields(message)) if (number === wanted) yield content;
}

const text = (content: Uint8Array): string => new TextDecoder().decode(content);

const nameOf = (weight: Uint8Array): string => text([...of(weight, NAME)][0] ?? new Uint8Array());

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error("a graph ends within a number");
  };
  while (at < message.length) {
    const start = at;
    const key = number();
    const kind = key & 7;
    const length = { 0: 0, 1: 8, [LENGTH_GIVEN]: -1, 5: 4 }[kind];
    if (length === undefined) throw new Error("a graph has a field of an unknown kind");
    if (kind === 0) number();
    const size = length < 0 ? number() : length;
    const content = message.subarray(at, at + size);
    at += size;
    if (at > message.length) throw new Error("a graph ends within a field");
    yield { number: Math.floor(key / 8), whole: message.subarray(start, at), content };
  }
}

function varint(value: number): number[] {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}
