/** Points averaged with the face mesh, and flows led through them: against runtime/layers, and from look to layers. */
import { describe, expect, it } from "vitest";
import { Animator, DEFAULTS } from "../src/animator";
import type { Engine } from "../src/engine";
import { NamedFace, seeFace, seeHeadIn, type Lookers } from "../src/layers/anatomy";
import { Canvas } from "../src/layers/canvas";
import { through } from "../src/layers/exact";
import { Affine, headFrame, type Named, type Point } from "../src/layers/frames";
import { asArray, averaged, mended, seeHead, SHARES } from "../src/layers/mended";
import { lookAt, type MeshOutputs } from "../src/layers/mesh";
import { EYES, HEAD, LIPS, places, RESIDUAL, withLooks, withSeen, type Motion } from "../src/motion";
import constants from "../src/shared/layers.json";
import vectors from "./vectors/layers.json";
import { drawn, near } from "./vectors";

const { heads, exact, frames } = vectors;
const { size } = heads;
const names: Record<string, number> = heads.names;

/** Of one frame, `width` numbers a point, the third 5. */
function motionOf(points: readonly (readonly number[])[], width = 2): Motion {
  const at = (value: number): number => (value / (size - 1)) * 2 - 1;
  const flat = points.flatMap(([x, y]) => [at(x), at(y), 5].slice(0, width));
  return { arrays: { points: Float32Array.from(flat) }, parameters: { points: { kind: "point", shape: [points.length, width] } } };
}

const faceOf = (points: number[][]): Named => Object.fromEntries(Object.entries(names).map(([name, at]) => [name, points[at] as never]));

describe("heads", () => {
  it.each(heads.cases)("are averaged with the mesh as in the engine, score $score", ({ places: own, score, told, ...given }) => {
    const look = score === null ? undefined : { points: [], head: told as never as Point[], score };
    const head = seeHead(faceOf(own), look);
    near(head, given.head, 1e-9);
    near(Object.values(averaged(faceOf(own), head)).flat(), given.averaged, 1e-9);
    for (const width of [2, 3]) {
      const moved = mended(withSeen(motionOf(own, width), { [HEAD]: asArray(head, size) }), names);
      expect(Object.keys(moved.arrays)).toEqual(["points"]);
      near(places(moved), given.mended, 1e-6);
      expect(moved.arrays.points.filter((_, at) => at % width === 2).every((depth) => depth === 5)).toBe(true);
    }
  });
  it("count for nothing up to everything, of points that all have names", () => {
    const sure = heads.cases.map(({ head }) => head[2]);
    expect([Math.min(...sure), Math.max(...sure)]).toEqual([0, 1]);
    expect(new Set(sure).size).toBeGreaterThan(2);
    expect(SHARES.every(([name]) => name in names)).toBe(true);
  });
  it("of models with fewer points are those that they have", () => {
    const { places: own, told } = heads.cases[3];
    const face = Object.fromEntries(Object.entries(faceOf(own)).filter(([name]) => !/^(jaw|cheek|forehead)/.test(name)));
    const kept = Object.keys(face);
    const head = seeHead(face, { points: [], head: told as never as Point[], score: 0.95 });
    expect(head[2]).toBeGreaterThan(0.5);
    const exactly = averaged(face, head);
    const [index, share] = [...SHARES.entries()].find(([, [name]]) => name === "nose.tip")!;
    const way = share[1] * head[2] * (told[index][0] - face["nose.tip"][0]);
    expect(exactly["nose.tip"][0]).toBeCloseTo(face["nose.tip"][0] + way, 9);
    const seen = withSeen(motionOf(Object.values(face)), { [HEAD]: asArray(head, size) });
    const moved = mended(seen, Object.fromEntries(kept.map((name, at) => [name, at])));
    near(places(moved), motionOf(kept.map((name) => exactly[name])).arrays.points, 1e-6);
    expect(seeHead(face).length).toBe(3 * SHARES.length);
  });
});

describe("flows", () => {
  it.each(exact)("are led through points as in the engine, reach $reach", ({ flow, at, wanted, reach, ...given }) => {
    near(through(flow, at as never, wanted as never, reach), given.through, 1e-9);
  });
});

/** The centre of the box of points, and its longer side. */
function boxOf(points: readonly Point[]): { centre: Point; side: number } {
  const [[left, right], [top, bottom]] = [0, 1].map((axis) => {
    const along = points.map((point) => point[axis]);
    return [Math.min(...along), Math.max(...along)];
  });
  return { centre: [(left + right) / 2, (top + bottom) / 2], side: Math.max(right - left, bottom - top) };
}

describe("the face mesh", () => {
  const landmarks = Float32Array.from({ length: 936 }, (_, k) => 0.5 + 0.3 * Math.sin(k * k));
  const outputs: MeshOutputs = { points: landmarks, head: Float32Array.of(0.5, 0.5, 0.75, 0.5), score: 0.8 };
  const eyes: Point[] = [
    [10, 12],
    [22, 12],
  ];
  const around: Point[] = [
    [6, 8],
    [26, 28],
  ];

  it("looks twice: at what is known, and at what it found there", async () => {
    const views: Uint8Array[] = [];
    const look = await lookAt(drawn(40, 40), eyes, around, async (view) => {
      views.push(view);
      return outputs;
    });
    const first = new Affine([30 / 192, 0, 0, 30 / 192], [1, 3]);
    expect(views.map((view) => Buffer.from(view).equals(first.cut(drawn(40, 40), 192)))).toEqual([true, false]);
    const mesh = Array.from({ length: 468 }, (_, k) => first.at([192 * landmarks[2 * k], 192 * landmarks[2 * k + 1]]));
    expect(look!.points[7]).not.toEqual(mesh[7]);
    const { centre, side } = boxOf(mesh);
    near(look!.head[0], centre, 1e-4);
    const { RIGHT_EYE, LEFT_EYE } = constants.mesh;
    const [x, y] = [0, 1].map((axis) => mesh[LEFT_EYE][axis] - mesh[RIGHT_EYE][axis]);
    const quarter = (1.5 * side) / 4 / Math.hypot(x, y);
    near(look!.head[1], [centre[0] + quarter * x, centre[1] + quarter * y], 1e-4);
    expect(look!.score).toBe(0.8);
  });
  it.each([0, 1])("sees nobody where look %s finds no face", async (which) => {
    let count = 0;
    const network = async (): Promise<MeshOutputs> => ({ ...outputs, score: count++ === which ? 0.4 : 0.9 });
    expect(await lookAt(drawn(40, 40), eyes, around, network)).toBeUndefined();
    expect(count).toBe(which + 1);
  });
});

describe("a face with names", () => {
  const { FACE, HELD, COLLAR } = constants.anatomy;
  const given = frames.face as never as Named;
  const upright = headFrame(given, true).inverse();
  const all: Record<string, Point> = Object.fromEntries(
    Object.keys(names).map((name, k) => {
      const [x, y] = given[name] ? upright.at(given[name]) : [Math.cos(k) / 2, 0.5 + Math.sin(k) / 2];
      return [name, [20 + 11 * x, name.endsWith(".outer") ? 12 : 12 + 11 * y]];
    }),
  );
  COLLAR.forEach((name, k) => (all[`neck.${name}`] = [4 + 8 * k, 37]));
  const numbers = Object.fromEntries(Object.keys(all).map((name, k) => [name, k]));
  const own = Object.values(all);
  const motion = motionOf(own);
  const picture = drawn(size, size);

  /** Whose mesh sees the head `shift` from the points, in both of its looks the same. */
  function lookers(score: number, [x, y]: Point): Lookers {
    const { centre, side } = boxOf(Object.keys(all).filter((name) => FACE.includes(name.split(".")[0])).map((name) => all[name]));
    const inView = (place: number, axis: number): number => (place - centre[axis]) / (1.5 * side) + 0.5;
    const head = SHARES.flatMap(([name]) => [inView(all[name][0] + x, 0), inView(all[name][1] + y, 1)]);
    const points = Float32Array.from({ length: 936 }, (_, k) => (k % 4 < 2 ? 1 / 6 : 5 / 6));
    for (const [eye, place] of [[constants.mesh.RIGHT_EYE, 0.3], [constants.mesh.LEFT_EYE, 0.7]]) points.set([place, 0.4], 2 * eye);
    return {
      face: async () => ({ boxes: new Float32Array(), landmarks: new Float32Array(), scores: new Float32Array() }),
      eye: async (_, count) => ({ contour: new Float32Array(count * 142), iris: new Float32Array(count * 10) }),
      mesh: async () => ({ points, head: Float32Array.from(head), score }),
      mouth: async () => new Float32Array(),
    };
  }

  it("has its points averaged with what is seen of it", async () => {
    const look = lookers(1, [0.8, -0.4]);
    const found = await seeFace(picture, numbers, places(motion), look);
    near(found.head, asArray(SHARES.flatMap(([name]) => [all[name][0] + 0.8, all[name][1] - 0.4, 1]), size), 1e-4);
    expect(await seeHeadIn(picture, numbers, places(motion), look.mesh)).toEqual(found.head);
    const plain = await seeFace(picture, numbers, places(motion), lookers(0, [0, 0]));
    near(places(mended(withSeen(motion, plain), numbers)), places(motion), 0);
    expect([found.eyes?.length, found.lips.length]).toEqual([6, 14]);
    expect(found.lips).not.toEqual(plain.lips);
  });
  it("leads flows through its points, but for mouth and lids", async () => {
    const canvas = Canvas.around(picture.data as Uint8Array, size, picture);
    const face = await NamedFace.in(canvas, numbers, places(motion), size, lookers(0, [0, 0]));
    const at = canvas.places(places(motion), size);
    const [side, step] = [12, canvas.side / 11];
    const cells = Array.from({ length: side * side }, (_, k): Point => [
      canvas.margin + step * (k % side),
      canvas.margin + step * Math.floor(k / side),
    ]);
    const moved = new Float64Array(side * side * 2).fill(0.25);
    const still = moved.map(() => 0);
    const held = (name: string): boolean => HELD.some((start) => name.startsWith(start)) && !name.endsWith("_lid");
    const shifted = (fits: (name: string) => boolean): Point[] =>
      Object.keys(all).map((name, k) => (fits(name) ? [at[k][0] + 1.5, at[k][1] - 1] : at[k]));
    near(face.exact(at, cells, still), still, 0);
    near(face.exact(shifted((name) => !held(name)), cells, still), still, 0);
    const led = face.exact(shifted(held), cells, moved);
    const [nearest] = cells
      .map(([x, y], k) => ({ k, away: Math.hypot(x - at[numbers["nose.tip"]][0] - 1.5, y - at[numbers["nose.tip"]][1] + 1) }))
      .sort((one, other) => one.away - other.away);
    near(led.subarray(2 * nearest.k, 2 * nearest.k + 2), [-1.5, 1], 0.15);
    near(led.subarray(2 * (side - 1), 2 * side), [0.25, 0.25], 0.01); // the corner is far from all of them
  });
});

describe("an animator", () => {
  const seen = (x: number): Motion => motionOf([[x, 1]]);
  const looked = (x: number): Motion => {
    const head = new Float32Array(3 * SHARES.length).fill(1);
    return withSeen(withLooks(seen(x), new Float64Array(6), new Float64Array(14)), { [HEAD]: head });
  };
  const moving = { eyes: new Float64Array(6), lips: new Float64Array(14) };
  /** Layers of whom no photo cuts. */
  const free = { held: (points: Float32Array) => points };
  /** An engine that moves people in `layers`, and tells what it renders. */
  const engineWith = (layers: object | undefined, told: Motion[] = []): Engine =>
    ({
      bundle: { names: { "nose.tip": 0 } },
      encode: async () => ({ motion: seen(1), features: {} }),
      looked: async () => ({ motion: seen(2), features: {} }),
      layers: async () => layers,
      forget: () => {},
      render: async (source: { motion: Motion }) => told.push(source.motion),
      renderDense: async (source: { motion: Motion }) => told.push(source.motion),
    }) as never;

  it.each([
    ["before there was a photo", moving, seen(3), looked(4), looked(5)],
    ["for a photo of a person", undefined, looked(3), seen(4), seen(5)],
  ])("does not count exact points from others, seen %s", async (_, layers, earlier, next, last) => {
    const animator = new Animator(engineWith(layers));
    animator.begin(DEFAULTS, 25);
    await animator.setSource(new Uint8Array(), {} as never);
    const steps = [earlier, next, last].map((motion) => animator.follow(motion));
    expect(steps[0].reference).toBe(steps[0].driving);
    expect(Boolean(steps[0].driving.arrays[EYES])).toBe(true);
    const expected = layers ? mended(next, { "nose.tip": 0 }) : earlier;
    expect(steps.slice(1).map(({ reference }) => reference)).toEqual([expected, expected]);
    expect(places(steps[2].driving)).toEqual(places(layers ? mended(last, { "nose.tip": 0 }) : last));
  });
  it("compares frames with the driver whom it met, until it rests, and asks no model then", async () => {
    const found = Float32Array.from({ length: 3 * 64 * 64 }, (_, k) => k);
    const [composed, met]: [unknown[][], Motion[]] = [[], []];
    const layers = { ...moving, ...free, compose: async (...given: unknown[]) => void composed.push(given) };
    const faces = Object.fromEntries(Object.entries(frames.face).map(([name], k) => [name, k]));
    const motion = motionOf(Object.values(frames.face));
    const engine = Object.assign(engineWith(layers), {
      bundle: { names: faces },
      detect: async () => motion,
      encode: async () => ({ motion, features: {} }),
      looked: async () => ({ motion, features: {} }),
      withLooks: async (_: unknown, one: Motion) =>
        withSeen(one, { [EYES]: new Float32Array(6).fill(0.2), [LIPS]: new Float32Array(14), [HEAD]: new Float32Array(120) }),
      driver: async (_: unknown, one: Motion) => (met.push(one), { missed: async () => found }),
      renderDense: () => expect.unreachable(),
    });
    const animator = new Animator(engine as never);
    await animator.setSource(new Uint8Array(), {} as never);
    animator.begin({ ...DEFAULTS, strength: 0.5 }, 25);
    for (let frame = 0; frame < 3; frame++) await animator.frame(new Uint8Array());
    animator.rest();
    await animator.frame(new Uint8Array());
    const residuals = composed.map(([made, , , residual]) => [made, Math.max(...(residual as Float32Array))]);
    expect(residuals).toEqual([0, 6143, 6143, 0].map((most) => [undefined, most]));
    expect(met.map(({ arrays }) => Object.keys(arrays))).toEqual([1, 2].map(() => ["points", EYES, LIPS, RESIDUAL]));
  });
  it("moves the points that were looked at only in layers", async () => {
    const layers = { ...free, compose: async () => {} };
    for (const [canvas, found, expected] of [[{}, layers, 2], [{}, undefined, 1], [undefined, layers, 1]] as const) {
      const told: Motion[] = [];
      const animator = new Animator(engineWith(found, told));
      await animator.setSource(new Uint8Array(), canvas as never);
      await animator.show({ driving: seen(3), reference: seen(3) });
      expect(told).toEqual([seen(expected)]);
    }
  });
});
