/** The modules of web/src/layers against those of runtime/layers, whose answers web/tools/layer_vectors.py writes. */
import { describe, expect, it } from "vitest";
import { blurring, enlarging, spreading } from "../src/detail";
import { namesOf, plainEye, SeenFace, Shutters } from "../src/layers/anatomy";
import { backdrop } from "../src/layers/backdrop";
import { boxBlur } from "../src/layers/blur";
import { complete } from "../src/layers/border";
import { Canvas } from "../src/layers/canvas";
import { atRest, expression, type Expression, type Face } from "../src/layers/expression";
import { Eye } from "../src/layers/eyes";
import { Affine, headFrame, minus, type Named, plus, type Point, times } from "../src/layers/frames";
import { hullOf } from "../src/layers/hull";
import { apart, ofMesh, opened, seeMouth, shut } from "../src/layers/lips";
import { connected, matte, SIDE } from "../src/layers/matte";
import { completed } from "../src/layers/silhouette";
import { lipsBetween, MouthShutter } from "../src/layers/mouth";
import { Person, type Pairs } from "../src/layers/person";
import { Awakening } from "../src/layers/awake";
import { Lips } from "../src/layers/reference";
import { EyeShutter, type Patch } from "../src/layers/shutters";
import { ThinPlate } from "../src/layers/spline";
import { SIDE as MOUTH_SIDE, type MouthNetwork } from "../src/layers/teeth";
import { resizeFloats } from "../src/resample";
import { withLooks, type Motion } from "../src/motion";
import constants from "../src/shared/layers.json";
import { Window } from "../src/window";
import vectors from "./vectors/layers.json";
import { disc, drawn, near } from "./vectors";

const { frames, splines, expressions, lips: mouths, looks, references, lookedReferences, shutReferences } = vectors;
const { person, seen, shutters, matte: mattes, border } = vectors;

const affineFrom = ({ linear, offset }: { linear: number[]; offset: number[] }): Affine =>
  new Affine(linear as never, offset as never);
const numbersOf = ({ linear, offset }: Affine): number[] => [...linear, ...offset];
const faceFrom = (face: Record<string, number[]>): Named => face as never;

/** `waves` of web/tools/layer_vectors.py. */
function waves(size: number, channels = 4): Float32Array {
  return Float32Array.from({ length: size * size * channels }, (_, at) => {
    const channel = at % channels;
    const x = Math.floor(at / channels) % size;
    const y = Math.floor(at / channels / size);
    if (channel === 3) return 0.75 + 0.25 * Math.sin((x + y) / 6);
    return 128 + 50 * Math.sin(x / 4 + channel) + 60 * Math.cos(y / 5 - channel);
  });
}

describe("frames", () => {
  it.each(frames.maps)("fit points as the engine does, stiffness $stiffness", (given) => {
    const [before, after] = [given.before, given.after] as never as [Point[], Point[]];
    near(numbersOf(Affine.fit(before, after, given.stiffness)), numbersOf(affineFrom(given.fit)), 1e-8);
    near(numbersOf(Affine.similarity(before, after)), numbersOf(affineFrom(given.similarity)), 1e-8);
    near(numbersOf(affineFrom(given.fit).inverse()), numbersOf(affineFrom(given.inverse)), 1e-8);
  });
  it("of heads", () => {
    near(numbersOf(headFrame(faceFrom(frames.face))), numbersOf(affineFrom(frames.loose)), 1e-6);
    near(numbersOf(headFrame(faceFrom(frames.face), true)), numbersOf(affineFrom(frames.rigid)), 1e-6);
  });
  it.each(frames.turned)("cut pictures as Pillow turns them, to the byte", (given) => {
    const cut = affineFrom(given).cut(drawn(given.picture[0], given.picture[1]), given.side);
    expect([...cut]).toEqual(given.bytes);
  });
});

describe("what expressions count from", () => {
  const motionOf = (frame: number[]): Motion => ({
    arrays: { points: Float32Array.from(frame) },
    parameters: { points: { kind: "point" as const, shape: [frame.length / 2, 2] } },
  });
  const height = (motion: Motion, place: number): number => motion.arrays.points[2 * place + 1];
  it.each(references)("is what it is in the engine, opening $opening", ({ names, opening, heights, ...given }) => {
    const lips = new Lips(names, motionOf(given.frames[0]));
    const found = given.frames.map((frame) => {
      const counted = lips.next(motionOf(frame), opening);
      return [names["mouth.lower_lip"], names["mouth.chin"]].map((at) => height(counted, at));
    });
    near(found.flat(), heights.flat(), 1e-6);
    expect(new Set(heights.map(String)).size).toBeGreaterThan(3);
  });
  it.each(lookedReferences)("is lips as far apart as the source's, opening $opening", ({ names, opening, ...given }) => {
    const seen = withLooks(motionOf(given.points), new Float32Array(6), given.lips);
    const counted = new Lips(names, seen).next(seen, opening);
    near(counted.arrays.lips, given.counted, 1e-6);
    near([height(counted, names["mouth.lower_lip"]), height(counted, names["mouth.chin"])], given.heights, 1e-6);
  });
  it("is eyes as they open, of a driver who begins with shut ones", () => {
    const looking = (eyes: number[]): Motion => withLooks(motionOf([0, 0]), Float32Array.from(eyes), new Array(14).fill(0));
    const first = looking(shutReferences.frames[0]);
    const eyes = new Awakening(first);
    const found = shutReferences.frames.map((frame) => [...eyes.next(looking(frame), first).arrays.eyes]);
    near(found.flat(), shutReferences.counted.flat(), 1e-6);
  });
});

describe("lips", () => {
  it.each(mouths)("are as far apart as in the engine, shut by $by", ({ now, rest, by, ...given }) => {
    near([apart(now), opened(now, rest)], [given.apart, given.opened], 1e-9);
    near(shut(now, by), given.shut, 1e-9);
  });
  it("are seen by the mesh, or where it sees no face, or another one, by points", () => {
    near(ofMesh(looks.mesh as never as Point[]).flat(), looks.of, 1e-9);
    const face = faceFrom(looks.face);
    near(seeMouth(face), looks.plain, 1e-6);
    const elsewhere = new Array<Point>(468).fill([70, 60]);
    near(seeMouth(face, { points: elsewhere, head: [], score: 1 }), looks.plain, 1e-6);
  });
});

describe("expressions", () => {
  it.each(expressions)("are what the engine sees, strengths $strengths", ({ now, rest, strengths, counted, ...given }) => {
    const face = ({ points, ...looks }: typeof rest): Face => ({ ...looks, points: faceFrom(points) });
    const head = "head" in now ? faceFrom(now.head as Record<string, number[]>) : undefined;
    const found = expression({ ...face(now), head }, face(rest), strengths, counted);
    const flat = (one: object): number[] => Object.values(one).flat(2);
    expect(Object.keys(found)).toEqual(Object.keys(given.expression));
    near(flat(found), flat(given.expression), 1e-6);
    expect(atRest(found)).toBe(false);
  });
  it("of a face at rest is none", () => {
    const { points, eyes, lips } = expressions[3].rest;
    const face = { points: faceFrom(points), eyes };
    const all = { mouth: 1, eyes: 1, brows: 1 };
    expect(atRest(expression(face, face, all))).toBe(true);
    expect(atRest(expression({ ...face, lips }, { ...face, lips }, all))).toBe(true);
    const other = { ...face, lips: expressions[4].rest.lips };
    expect(atRest(expression({ ...face, lips }, other, { ...all, mouth: 0 }))).toBe(true);
    expect(atRest(expression({ ...face, lips }, other, all))).toBe(false);
  });
});

it.each(splines)("maps bend through points as the engine bends them, ease $ease", ({ before, after, base, ease, ...given }) => {
  const map = new ThinPlate(before as never as Point[], after as never as Point[], affineFrom(base), ease);
  near(map.steps(given.places as never as Point[]), given.steps, 1e-4);
});

it("a person moves as the engine moves it", () => {
  const { anatomy, cells, size, base, neck, flow } = person;
  const whole = { ...anatomy, frame: affineFrom(anatomy.frame), shoulders: anatomy.shoulders as never as Point[] };
  const moving = new Person(whole, disc(size, person.disc), size, cells as never as Point[]);
  const moved = moving.move(base, neck as never as Pairs, flow);
  near(moved.head, person.moved.head, 1e-4);
  near(moved.trunk, person.moved.trunk, 1e-4);
  near(moving.front(), person.front, 1e-5);
});

it("a face that the detector sees moves with the flow", async () => {
  const [edges, { size }] = [{ left: 12, top: 8, right: 28, bottom: 26, score: 0.9 }, seen];
  const face = new SeenFace({ ...edges, landmarks: seen.landmarks as never as Point[] }, size);
  near(face.middle, seen.middle, 1e-8);
  near(
    [...face.face].filter((_, at) => at % size % 4 === 0 && Math.floor(at / size) % 4 === 0),
    seen.face,
  );
  const cells = seen.cells as never as Point[];
  const base = face.base();
  near(base([], cells, seen.moved), seen.base);
  face.neck([], cells, seen.moved).forEach((points, end) => near(points.flat(), seen.neck[end].flat()));
  expect(() => base([], cells)).toThrow("without named points");
  expect((await face.shutters()).covers(new Float32Array())).toEqual([]);
});

/** Every third pixel of every third row. */
function thinned(values: Float32Array, { place }: Patch): number[] {
  const [width, height] = [place.right - place.left, place.bottom - place.top];
  return [...values].filter((_, at) => {
    const [column, row] = [Math.floor(at / 4) % width, Math.floor(at / 4 / width)];
    return row < height && column % 3 === 0 && row % 3 === 0;
  });
}

describe("shutters", () => {
  const { size } = shutters;
  const [face, picture] = [faceFrom(shutters.face), waves(size)];
  const own = headFrame(face, true).inverse();
  const eyeShutter = (side: string, looks = 0): EyeShutter => {
    const eye = plainEye(face, side);
    const iris = plus(eye.iris, times(looks, minus(eye.inner, eye.outer)));
    return new EyeShutter(new Eye(eye.upper, eye.lower, iris, eye.radius), face[`eye_${side}.brow`], { size, data: picture });
  };
  const corner = (side: string): Point => own.at(face[`mouth.corner_${side}`]);
  const painter: MouthNetwork = (mouth, ownMouth) => {
    const { FINER } = constants.teeth;
    const side = MOUTH_SIDE * FINER;
    const layer = Float32Array.from({ length: side * side * 4 }, (_, at) => {
      const [channel, x, y] = [at % 4, Math.floor(at / 4) % side, Math.floor(at / 4 / side)];
      const from = Math.floor(y / FINER) * MOUTH_SIDE + Math.floor(x / FINER);
      return channel === 3 ? 0.5 + 0.5 * ownMouth[from] : 255 * mouth[channel * MOUTH_SIDE * MOUTH_SIDE + from];
    });
    return Promise.resolve(layer);
  };
  const mouthShutter = (open: number): Promise<MouthShutter> => {
    const lips = lipsBetween(corner("right"), corner("left"), own.at(face["mouth.upper_lip"]), own.at(face["mouth.lower_lip"]));
    lips.innerLower = lips.innerLower.map(([x, y]) => [x, y + open]);
    const nose = own.at(face["nose.base"])[1];
    return MouthShutter.of(own.inverse(), lips, nose, 1.25, { size, data: picture }, painter);
  };

  it.each(shutters.eyes)("open the $side eye by $lids", ({ side, lids, brow, gaze, looks, place, patch }) => {
    const shutter = eyeShutter(side, looks);
    expect(shutter.patch.place).toEqual(place);
    near(thinned(shutter.apply(picture, lids, brow, gaze as never), shutter.patch), patch, 0.02);
  });
  it.each(shutters.mouths)("open a mouth by $lowerLip that is open by $open", async ({ open, place, patch, ...given }) => {
    const shutter = await mouthShutter(open);
    expect(shutter.patch.place).toEqual(place);
    near(thinned(shutter.apply(picture, given.expression as never as Expression), shutter.patch), patch, 0.02);
  });
  it("leave a face at rest as it is", async () => {
    const shutter = new Shutters(
      ["left", "right"].map((side): [EyeShutter, number] => [eyeShutter(side), 0.3]),
      await mouthShutter(0),
    );
    for (const { place, data } of shutter.covers(picture)) {
      const width = (place.right - place.left) * 4;
      const row = picture.subarray((place.top * size + place.left) * 4, (place.top * size + place.left) * 4 + width);
      expect(data.subarray(0, width)).toEqual(row);
      expect(data.length).toBe(width * (place.bottom - place.top));
    }
  });
});

/** Every second row and column of colours (size, size, 3). */
const everySecond = (colours: Float32Array, size: number): number[] =>
  [...colours].filter((_, at) => !((Math.floor(at / 3) % size) % 2) && !(Math.floor(at / 3 / size) % 2));

it("whoever is cut by the photo's border goes on as in the engine", () => {
  const { size, photo, discs } = border;
  const [rows, columns] = photo.map(([start, stop]) => ({ start, stop }));
  const alpha = discs.map((given) => disc(size, given)).reduce((one, two) => one.map((a, k) => Math.max(a, two[k])));
  const picture = { width: size, height: size, stride: 3, data: Uint8Array.from(waves(size, 3)) } as const;
  const scene = complete(new Canvas(picture, 8, rows, columns), alpha, affineFrom(border.head));
  near(scene.alpha, border.alpha, 1e-5);
  near(everySecond(scene.picture, size), border.picture, 1);
  near(everySecond(scene.plate, size), border.plate, 0.02);
});

describe("mattes", () => {
  const whole = mattes.discs.map((given) => disc(SIDE, given)).reduce((one, two) => one.map((a, k) => Math.max(a, two[k])));
  const kept = connected(whole, mattes.connected.face as never)!;

  it("blur and resize as the engine does", () => {
    const { size, radius, values } = mattes.blurred;
    near(boxBlur(waves(size, 3), size, radius, 3), values, 1e-3);
    for (const { from, to, values } of mattes.resized) near(resizeFloats(waves(from, 3), from, to, 3), values, 1e-3);
  });
  it("know the hull of points", () => {
    expect([...hullOf(mattes.hull.points as never as Point[], mattes.hull.size)]).toEqual(mattes.hull.values);
  });
  it("keep what hangs together with the face", () => {
    expect(kept.reduce((sum, value) => sum + value, 0)).toBeCloseTo(mattes.connected.sum, 2);
    expect(connected(whole, mattes.connected.elsewhere as never)).toBeUndefined();
  });
  it("and backdrops are the engine's", () => {
    const { size, values } = mattes.matte;
    const colours = waves(size, 3);
    near(matte(colours, size, kept), values, 1e-4);
    const behind = backdrop(colours, size, Float32Array.from(values), new Float32Array(size * size).fill(1));
    near(everySecond(behind, size), mattes.backdrop, 0.02);
  });
  it("who is not seen has a usual outline", () => {
    const { size, disc: seen, head, values } = mattes.silhouette;
    const person = disc(size, seen);
    near(completed(person, size, affineFrom(head)), values, 1e-5);
    expect(completed(person.fill(1), size, affineFrom(head))).toBe(person);
  });
  it("nobody leaves the picture as it is", () => {
    const all = new Float32Array(256).fill(1);
    expect(backdrop(waves(16, 3), 16, all, all)).toEqual(waves(16, 3));
  });
  it("matrices interpolate as the engine's", () => {
    near(enlarging(mattes.enlarging.sizes[0], mattes.enlarging.sizes[1]), mattes.enlarging.values, 1e-6);
    const [cells, resolution, size] = mattes.spreading.sizes;
    near(spreading(cells, resolution, size), mattes.spreading.values, 1e-6);
    near(blurring(mattes.blurring.length, mattes.blurring.deviation), mattes.blurring.values, 1e-6);
  });
});

describe("a canvas", () => {
  const square = new Window(4, 4, 16).cut(drawn(24, 24), 16);
  it("shows what is around the square", () => {
    const canvas = Canvas.around(square, 16, drawn(24, 24), new Window(4, 4, 16));
    expect(canvas.margin).toBe(4);
    expect(canvas.picture.data).toEqual(drawn(24, 24).data);
    expect(canvas.places([-1, 1], 16)).toEqual([[4, 19]]);
  });
  it("repeats the border of a square that is the whole picture", () => {
    const { picture } = Canvas.around(square, 16, drawn(16, 16));
    expect(picture.data.subarray(0, 3)).toEqual(square.subarray(0, 3));
    expect(picture.data.subarray(-3)).toEqual(square.subarray(-3));
  });
});

it("an eye tells how far it is open and where it looks", () => {
  const lid = (y: number): Point[] => Array.from({ length: 9 }, (_, k) => [k * 2, k % 8 ? y : 0] as const);
  const eye = new Eye(lid(-2), lid(2), [9, 1], 3);
  expect(eye.does).toEqual([0.25, 1 / 16, 1 / 16]);
});

it("points whose names tell too little have none", () => {
  const names = constants.anatomy.NEEDED;
  expect(namesOf(names)[names[3]]).toBe(3);
  expect(namesOf(names.slice(1))).toEqual({});
});
