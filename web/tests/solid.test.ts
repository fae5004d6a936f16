/** Heads that turn in space: against runtime/layers, whose answers web/tools/solid_vectors.py writes. */
import { describe, expect, it } from "vitest";
import { expression } from "../src/layers/expression";
import { Canvas } from "../src/layers/canvas";
import { Cut } from "../src/layers/cut";
import { headFrame, type Named, type Point } from "../src/layers/frames";
import { Relief } from "../src/layers/relief";
import { Camera, drawn, weight, type Solid } from "../src/layers/solid";
import { Turn } from "../src/layers/turn";
import constants from "../src/shared/layers.json";
import vectors from "./vectors/layers.json";
import { disc, near } from "./vectors";

const { cameras, reliefs, cuts, turns } = vectors;
const faceFrom = (face: object): Named => face as never;

describe("the drawn head", () => {
  it("has what a face's points are called, and names that say something of where it is", () => {
    const { names, points, depth, side } = drawn();
    expect(constants.anatomy.NEEDED.filter((name) => !names.has(name))).toEqual([]);
    expect([points.length, depth.length]).toEqual([names.size, side * side]);
    expect(["nose.tip", "skull.crown", "cheek_left.bone", "forehead.between_brows", "mouth.chin"].map(weight)).toEqual([
      1, 0.3, 0.5, 0, 0,
    ]);
  });
  it("lies nearest at the tip of its nose", () => {
    const { names, points, depth, side, corner, span } = drawn();
    const nearest = depth.indexOf(Math.min(...depth));
    const [x, y] = [nearest % side, Math.floor(nearest / side)].map((at, axis) => corner[axis] + ((at + 0.5) * span) / side);
    const tip = points[names.get("nose.tip")!];
    expect(Math.hypot(x - tip[0], y - tip[1])).toBeLessThan(1);
    expect(Math.abs(depth[nearest] - tip[2])).toBeLessThan(0.5);
  });
});

it.each(cameras)("cameras see points as the engine's, scale $scale", ({ points, seen, weights, ...given }) => {
  const camera = Camera.fit(points as never as Solid[], seen as never as Point[], weights, given.near);
  near(camera.linear, given.linear, 1e-8);
  near(camera.offset, given.offset, 1e-7);
  near([camera.scale], [given.scale], 1e-8);
  near(camera.turn, given.turn, 1e-6);
});

it.each(reliefs.cases)("heads turn as in the engine", ({ driven, steps }) => {
  const face = Object.fromEntries(Object.keys(driven).map((name) => [name, faceFrom(reliefs.face)[name]]));
  const relief = new Relief(face, disc(reliefs.size, reliefs.disc));
  const found = relief.steps(faceFrom(driven), reliefs.cells as never as Point[]);
  near(found, steps, 2e-4);
});

it.each(cuts.cases)("heads that a photo cuts are held as in the engine", ({ points, held }) => {
  const { size, margin, resolution } = cuts;
  const face = faceFrom(cuts.face);
  const [rows, columns] = cuts.photo.map(([start, stop]) => ({ start, stop }));
  const picture = { width: size, height: size, stride: 3 as const, data: new Uint8Array(3 * size * size) };
  const alpha = disc(size, cuts.disc);
  const names = Object.fromEntries(Object.keys(face).map((name, index) => [name, index]));
  const canvas = new Canvas(picture, margin, rows, columns);
  const cut = new Cut(canvas, resolution, alpha, new Relief(face, alpha), headFrame(face), names);
  near(cut.held(Float32Array.from(points)), held, 1e-6);
});

it("points that coincide, or lie on a line, and people whom nothing is seen of, lead somewhere", () => {
  const face = faceFrom(reliefs.face);
  const like = (place: (k: number) => Point): Named =>
    Object.fromEntries(Object.keys(face).map((name, k) => [name, place(k)]));
  const [spot, line] = [like(() => [20, 20]), like((k) => [k, k])];
  const cells = reliefs.cells as never as Point[];
  for (const alpha of [0, 1].map((value) => new Float32Array(reliefs.size ** 2).fill(value))) {
    for (const rest of [face, spot, line]) {
      const relief = new Relief(rest, alpha);
      near(relief.steps(rest, cells), new Float64Array(2 * cells.length), 0);
      for (const driven of [face, spot, line]) expect(relief.steps(driven, cells).every(Number.isFinite)).toBe(true);
    }
  }
  const [all, eyes] = [{ mouth: 1, eyes: 1, brows: 1 }, new Float64Array(6).fill(0.2)];
  for (const [now, rest] of [[face, spot], [spot, face], [spot, line]]) {
    const { upperLip, lowerLip, corners, brows } = expression({ points: now, eyes }, { points: rest, eyes }, all);
    expect([upperLip, lowerLip, ...corners.flat(), ...brows].every(Number.isFinite)).toBe(true);
  }
});

it.each(turns)("what turns do to a mouth is what it is in the engine, $sideways", ({ now, rest, names, places, ...given }) => {
  const turn = new Turn(faceFrom(now), faceFrom(rest));
  const ways = names.map((name, k) => turn.way(places[k] as never as Point, name));
  near(ways.flat(), given.ways.flat(), 1e-6);
  near([turn.sideways(places[0] as never as Point)], [given.sideways], 1e-5);
});
