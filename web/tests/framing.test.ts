import { describe, expect, it } from "vitest";
import { clusters, distinct, findFaces, SIDE, viewsOf, type Detector } from "../src/faces";
import { around, cutTo, drivingWindow, Framer, USUAL } from "../src/framing";
import { headOf } from "../src/front";
import { black } from "../src/picture";
import { marked } from "../src/subject";
import { Window } from "../src/window";
import faces from "./vectors/faces.json";
import framing from "./vectors/framing.json";
import { drawn, faceFrom } from "./vectors";

const windowFrom = ([left, top, side]: number[]): Window => new Window(left, top, side);

const blind: Detector = async () => {
  const nothing = new Float32Array();
  return { boxes: nothing, landmarks: nothing, scores: nothing };
};

describe("squares as the engine chooses them", () => {
  it.each(framing.pictures)("around $face", ({ face, size, window }) => {
    expect(around(USUAL, faceFrom(face), [size[0], size[1]]).snapped()).toEqual(windowFrom(window));
  });
  it.each(framing.pictures)("what a photo of $size itself shows of $window", ({ size, window, inside }) => {
    const part = windowFrom(window).inside([size[0], size[1]], 0.6);
    [part.left, part.top, part.side].forEach((edge, at) => expect(edge).toBeCloseTo(inside[at], 9));
  });
  it.each(framing.marked)("around what a model marks in a picture of $size", async ({ points, size, window }) => {
    const sight = { resolution: 64, points: async () => Float32Array.from(points) };
    const picture = black(size[0], size[1]);
    const found = await marked([picture, picture], USUAL, sight);
    [found.left, found.top, found.side].forEach((edge, at) => expect(edge).toBeCloseTo(window[at], 3));
    const framed = await new Framer(USUAL, blind, sight).source(picture);
    expect(framed).toEqual({ window: found.snapped(), lost: "points" });
  });
  it.each(framing.videos)("for a video of $size", (given) => {
    const window = drivingWindow(USUAL, given.faces.map(faceFrom), [given.size[0], given.size[1]]);
    expect(window.snapped()).toEqual(windowFrom(given.window));
  });
});

describe("what stands in front", () => {
  it.each(framing.fronts)("in a picture of $size", async ({ blobs, size, head, square }) => {
    const person = new Float32Array(256 * 256);
    for (const [left, top, right, bottom, value] of blobs)
      for (let row = top; row < bottom; row++) person.fill(value, row * 256 + left, row * 256 + right);
    const found = headOf(person, [size[0], size[1]]);
    expect(found && [found.left, found.top, found.side].map((edge) => edge.toFixed(4))).toEqual(
      head?.map((edge) => edge.toFixed(4)),
    );
    const mesh = async () => ({ points: new Float32Array(), head: new Float32Array(), score: 0 });
    const framed = await new Framer(USUAL, blind, undefined, { person: async () => person, mesh }).source(black(size[0], size[1]));
    expect(framed).toEqual(square ? { window: windowFrom(square), lost: "front" } : { lost: "middle" });
  });
  it("is none where the detector was right", async () => {
    const picture = black(400, 300);
    picture.data.fill(255);
    const helpers = { person: async () => new Float32Array(256 * 256), mesh: async () => ({ points: new Float32Array(), head: new Float32Array(), score: 0 }) };
    const sure: Detector = async (views, count) => {
      const found = await bright(views, count);
      return { ...found, scores: found.scores.map((score) => score + 0.05) };
    };
    const unsure: Detector = async (views, count) => {
      const found = await bright(views, count);
      return { ...found, scores: found.scores.map((score) => score - 0.1) };
    };
    expect((await new Framer(USUAL, sure, undefined, helpers).source(picture)).lost).toBeUndefined();
    expect((await new Framer(USUAL, unsure, undefined, helpers).source(picture)).lost).toBe("middle");
  });
});

describe("faces as the engine counts them", () => {
  it("anchors that agree are one face", () => {
    const { boxes, landmarks, scores, clusters: expected } = faces.anchors;
    const [first, second] = [boxes, scores].map((values) => Float32Array.from(values));
    const found = clusters(first, Float32Array.from(landmarks), second, 0.7);
    expect(found.length).toBe(expected.length);
    found.forEach(({ box, marks, score }, index) => {
      marks.forEach((mark, at) => expect(mark).toBeCloseTo(expected[index].marks[at], 6));
      expect(score).toBeCloseTo(expected[index].score, 6);
      box.forEach((edge, at) => expect(edge).toBeCloseTo(expected[index].box[at], 6));
    });
  });
  it("what several views saw is one face", () => {
    expect(distinct(faces.faces.map(faceFrom))).toEqual(faces.distinct.map(faceFrom));
  });
});

it("views cover a picture, and none is smaller than what the network looks at", () => {
  expect(viewsOf([640, 480], 0)).toEqual([new Window(0, -80, 640)]);
  expect(viewsOf([640, 480], 1).length).toBe(9);
  expect(viewsOf([200, 200], 1)).toEqual([]);
});

/** Sees one face in every view that is bright in the middle: there, and a quarter of the view wide. */
const bright: Detector = async (views, count) => {
  const middle = (SIDE * (SIDE / 2) + SIDE / 2) * 3;
  const scores = Array.from({ length: count }, (_, view) => (views[view * SIDE * SIDE * 3 + middle] > 128 ? 0.9 : 0));
  const box = [0.375, 0.375, 0.625, 0.625];
  const marks = Float32Array.from(scores.flatMap(() => Array<number>(12).fill(0.5)));
  return { boxes: Float32Array.from(scores.flatMap(() => box)), landmarks: marks, scores: Float32Array.from(scores) };
};

it("a face is found once, where it is, in the picture's pixels", async () => {
  const picture = black(400, 400);
  picture.data.fill(255);
  const [face, ...others] = await findFaces(picture, 1, bright);
  expect(others).toEqual([]);
  expect([face.left, face.top, face.right, face.bottom]).toEqual([150, 150, 250, 250]);
  expect(face.landmarks).toEqual(Array(6).fill([200, 200]));
});

describe("a photo", () => {
  it("is framed around its face", async () => {
    const picture = black(400, 300);
    picture.data.fill(255);
    const framed = await new Framer(USUAL, bright).source(picture);
    expect(framed.window!.touches([400, 300])).toBe(true);
    expect(framed.faces).toBeGreaterThan(0);
  });
  it("without a face gives its middle, and says so", async () => {
    const framed = await new Framer(USUAL, bright).source(black(40, 30));
    expect(framed).toEqual({ lost: "middle" });
    expect(cutTo(drawn(40, 30), framed, 16).length).toBe(16 * 16 * 3);
  });
  it("is not searched for a model of something else, or where the middle is asked for", async () => {
    const never: Detector = async () => {
      throw new Error("nobody asked");
    };
    expect(await new Framer({ ...USUAL, subject: "hands" }, never).source(black(40, 30))).toEqual({});
    const middle = await new Framer(USUAL, never).driving([black(40, 30)], "center");
    expect(middle.window).toEqual(new Window(5, 0, 30));
  });
});
