/** Several workers as one: what each of them hears, in which order, and what comes back. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { castFor, Troupe } from "../src/troupe";
import type { Order, Said } from "../src/orders";

vi.mock("../src/model", () => ({ fetchModel: async () => ({ backend: "wasm", description: "", models: {}, wasm: {} }) }));

/** A worker that answers an order after some turns of the event loop, one after another. */
class Acting {
  onmessage?: (event: { data: Said }) => void;
  onerror?: () => void;
  heard: string[] = [];
  closed = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly number: number,
    private turns: (order: Order) => number,
    private fails: (order: Order, number: number) => boolean,
  ) {}

  postMessage({ id, order }: { id: number; order: Order }): void {
    this.last = this.last.then(async () => {
      for (let turn = 0; turn < this.turns(order); turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      this.heard.push(written(order));
      const failed = this.fails(order, this.number);
      const data: Said = failed ? { kind: "failed", id, message: "no" } : { kind: "done", id, answer: answer(order) };
      this.onmessage!({ data });
    });
  }

  terminate(): void {
    this.closed = true;
  }
}

const written = (order: Order): string =>
  order.kind === "see" ? `see ${order.image}` : "motion" in order ? `${order.kind} ${order.motion}` : order.kind;

function answer(order: Order): never {
  if (order.kind === "open") return { name: "toy", resolution: 64, backend: "wasm", threads: 1 } as never;
  if (order.kind === "see") return `motion of ${order.image}` as never;
  return (order.kind === "show" ? `picture of ${order.motion}` : {}) as never;
}

const image = (name: string): never => ({ close: vi.fn(), toString: () => name }) as never;
const places = {} as never;
const closing = (): never => ({ close: vi.fn() }) as never;

describe("a troupe", () => {
  let acting: Acting[] = [];
  let turns = (_: Order): number => 1;
  let fails = (_: Order, __: number): boolean => false;
  const created = (): Worker => {
    acting.push(new Acting(acting.length, (order) => turns(order), (order, number) => fails(order, number)));
    return acting.at(-1) as never;
  };
  beforeEach(() => {
    vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
    vi.stubGlobal("crossOriginIsolated", true);
    [acting, turns, fails] = [[], () => 1, () => false];
  });

  it("shows frames in turn, while all follow the whole stream in its order", async () => {
    // Whoever shows takes longer than whoever looks, and the second worker looks more slowly.
    turns = (order) => (order.kind === "show" ? 5 : order.kind === "see" ? 2 : 0);
    const troupe = new Troupe(created);
    expect((await troupe.open(places, () => {})).threads).toBe(2);
    expect(troupe.size).toBe(2);
    const frames = ["a", "b", "c", "d"].map((name) => troupe.frame(image(name)));
    const resting = troupe.rest();
    const after = troupe.frame(image("e"));
    expect(await Promise.all(frames)).toEqual(["a", "b", "c", "d"].map((name) => `picture of motion of ${name}`));
    expect(await after).toBe("picture of motion of e");
    await resting;
    const state = acting.map(({ heard }) => heard.filter((order) => /^(show|follow|rest)/.test(order)));
    const motions = ["a", "b", "c", "d"].map((name) => `motion of ${name}`);
    expect(state[0]).toEqual([`show ${motions[0]}`, `follow ${motions[1]}`, `show ${motions[2]}`, `follow ${motions[3]}`, "rest", "show motion of e"]);
    expect(state[1]).toEqual([`follow ${motions[0]}`, `show ${motions[1]}`, `follow ${motions[2]}`, `show ${motions[3]}`, "rest", "follow motion of e"]);
  });

  it("tells all of them what to move, and gives pictures back when all are through", async () => {
    const troupe = new Troupe(created);
    await troupe.open(places, () => {});
    const [photo, sample] = [closing(), closing()] as { close: () => void }[];
    await troupe.source(photo as never, "auto");
    await troupe.begin([sample as never], "auto", {} as never, 25);
    expect(photo.close).toHaveBeenCalledOnce();
    expect(sample.close).toHaveBeenCalledOnce();
    for (const { heard } of acting) expect(heard).toEqual(["open", "source", "begin"]);
  });

  it("meets the driver of a stream's first frame before it looks at others", async () => {
    turns = (order) => (order.kind === "see" ? 3 : 0);
    const troupe = new Troupe(created);
    await troupe.open(places, () => {});
    const first = image("a");
    const frames = [first, image("b"), image("c")].map((one) => troupe.frame(one));
    void troupe.rest();
    frames.push(troupe.frame(image("d")), troupe.frame(image("e")));
    await Promise.all(frames);
    const looked = acting.map(({ heard }) => heard.filter((order) => /^(see|meet|rest)/.test(order)));
    expect(looked[0]).toEqual(["see a", "meet motion of a", "see c", "rest", "meet motion of d", "see e"]);
    expect(looked[1]).toEqual(["meet motion of a", "see b", "rest", "see d", "meet motion of d"]);
    expect((first as { close: () => void }).close).toHaveBeenCalledOnce();
  });

  it("meets the driver anew for another photo, and for another film", async () => {
    const troupe = new Troupe(created);
    await troupe.open(places, () => {});
    await troupe.frame(image("a"));
    void troupe.source(closing(), "auto");
    await troupe.frame(image("b"));
    void troupe.begin([closing()], "auto", {} as never, 25);
    await Promise.all([troupe.frame(image("c")), troupe.frame(image("d"))]);
    const met = ["meet motion of a", "source", "meet motion of b", "begin", "meet motion of c"];
    for (const { heard } of acting) expect(heard.filter((order) => /^(meet|source|begin)/.test(order))).toEqual(met);
  });

  it("goes on after a frame that fails", async () => {
    fails = (order) => order.kind === "see" && String(order.image) === "b";
    const troupe = new Troupe(created);
    await troupe.open(places, () => {});
    const [a, b, c] = ["a", "b", "c"].map((name) => troupe.frame(image(name)));
    await expect(b).rejects.toThrow("no");
    expect(await a).toBe("picture of motion of a");
    expect(await c).toBe("picture of motion of c");
  });

  it("does with those that could be opened", async () => {
    fails = (order, number) => order.kind === "open" && number === 1;
    const troupe = new Troupe(created);
    expect((await troupe.open(places, () => {})).threads).toBe(1);
    expect(troupe.size).toBe(1);
    expect(acting.map(({ closed }) => closed)).toEqual([false, true]);
    expect(await troupe.frame(image("a"))).toBe("picture of motion of a");
  });

  it("says why where none could", async () => {
    fails = (order) => order.kind === "open";
    await expect(new Troupe(created).open(places, () => {})).rejects.toThrow("no");
  });
});

it.each([
  [1, "wasm", true, { workers: 1, threads: 1 }],
  [2, "wasm", true, { workers: 2, threads: 1 }],
  [2, "wasm", false, { workers: 2, threads: 1 }],
  [8, "wasm", true, { workers: 4, threads: 2 }],
  [64, "wasm", true, { workers: 4, threads: 8 }],
  [64, "wasm", false, { workers: 4, threads: 1 }],
  [8, "webgpu", true, { workers: 1, threads: 8 }],
] as const)("%i cores with %s, shared memory %s", (cores, backend, shared, cast) => {
  expect(castFor(cores, backend, shared)).toEqual(cast);
});
