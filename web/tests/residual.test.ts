/** What points do not tell of a driver, against runtime/layers/residual.py. */
import { describe, expect, it } from "vitest";
import { Affine, type Point } from "../src/layers/frames";
import { added, CELLS, Driver, handedOn, SIDE, type Compared } from "../src/layers/residual";
import constants from "../src/shared/layers.json";
import vectors from "./vectors/layers.json";
import { near } from "./vectors";

const { size, names, cases, handed } = vectors.residuals;

/** `rippled` of web/tools/layer_vectors.py. */
const rippled = (): Float32Array => Float32Array.from({ length: 3 * CELLS * CELLS }, (_, at) => 0.3 * Math.sin(at / 90));

/** The same as the graph finds it, way and light apart. */
const parted = (): { residual: Float32Array; light: Float32Array } => ({
  residual: rippled().filter((_, at) => at % 3 < 2),
  light: rippled().filter((_, at) => at % 3 === 2),
});

/** Of (SIDE, SIDE, channels) every eighth pixel of every eighth row. */
const thinned = (values: Float32Array, channels = 1): number[] =>
  [...values].filter((_, at) => {
    const k = Math.floor(at / channels);
    return (k % SIDE) % 8 === 0 && Math.floor(k / SIDE) % 8 === 0;
  });

describe("a driver", () => {
  it.each(cases)("is compared where the engine compares", async ({ points, look, weight, face, first }) => {
    const does = { upperLip: 0 } as never;
    let given: Compared | undefined;
    const [told, alpha] = [new Uint8Array(8 * 8 * 3), new Float32Array(8 * 8)];
    const frame = new Uint8Array(size * size * 3);
    const moving = {
      apart: async (...asked: unknown[]) => {
        expect(asked).toEqual([points, does]);
        return { picture: told, alpha };
      },
    };
    const driver = new Driver(moving, names, async (pictures) => ((given = pictures), parted()));
    const found = await driver.missed(frame, points, does);
    near(found.subarray(0, 12), first, 1e-6);
    expect([given!.seen, given!.told]).toEqual([frame, told]);
    near(thinned(given!.look, 2), look, 1e-6);
    near(thinned(given!.weight), weight, 1e-6);
    near(thinned(given!.face), face, 1e-6);
    expect(new Set(weight).size).toBeGreaterThan(3);
  });
});

describe("a residual", () => {
  const head = new Affine(handed.head.linear as never, handed.head.offset as never);
  const cells = handed.cells as never as Point[];
  it("is handed on in the head's own frame, and is nothing beyond what it covers", () => {
    const { way, light } = handedOn(rippled(), head, cells);
    near(way, handed.way, 1e-6);
    near(light, handed.light, 1e-6);
    near(added(Float64Array.from(handed.flow), cells, way), handed.added, 1e-6);
    const far = handedOn(rippled(), head, [head.at([constants.residual.CORNER[0] - 0.1, 0])]);
    expect([...far.way, ...far.light]).toEqual([0, 0, 0]);
  });
  it("that is nothing moves nothing", () => {
    const { way, light } = handedOn(new Float32Array(3 * CELLS * CELLS), head, cells);
    expect([...new Set(light)]).toEqual([0]);
    near(added(Float64Array.from(handed.flow), cells, way), handed.flow, 1e-12);
  });
});
