/** The engine's own frames, from Node: tests/web/test_parity.py writes them into the folder that BUNRAKU_REFERENCE names. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Animator, DEFAULTS } from "../src/animator";
import { readBundle } from "../src/bundle";
import { Engine, type Models } from "../src/engine";
import { loadRuntime } from "../src/graphs";
import { givesSense } from "../src/model";

const folder = process.env.BUNRAKU_REFERENCE ?? "";
/** Largest difference of a byte that is allowed. */
const LIMIT = 3;

it.skipIf(!folder)("pictures are the engine's within 3/255", async () => {
  const { model, side, frames, modes } = JSON.parse(readFileSync(`${folder}/reference.json`, "utf8"));
  const bundle = await readBundle(readFileSync(`${model}/bundle.json`, "utf8"));
  const models: Models = {};
  for (const [name, graph] of Object.entries(bundle.graphs)) {
    models[name as keyof Models] = new Uint8Array(readFileSync(`${model}/${graph.file}`));
  }
  const engine = await Engine.open(await loadRuntime("wasm", 1), bundle, models);
  expect(await givesSense(engine)).toBe(true);
  const squares = new Uint8Array(readFileSync(`${folder}/squares.bin`)); // the photo, then the driving frames
  const square = (index: number): Uint8Array => squares.subarray(index * side * side * 3, (index + 1) * side * side * 3);
  const animator = new Animator(engine);
  await animator.setSource(square(0));
  for (const mode of modes) {
    const expected = new Uint8Array(readFileSync(`${folder}/${mode}.bin`));
    animator.begin({ ...DEFAULTS, mode }, 25);
    let worst = 0;
    for (let index = 0; index < frames; index++) {
      const found = await animator.frame(square(index + 1));
      found.forEach((value, at) => {
        worst = Math.max(worst, Math.abs(value - expected[index * found.length + at]));
      });
    }
    console.log(`${mode}: at most ${worst}/255`);
    expect(worst, mode).toBeLessThanOrEqual(LIMIT);
  }
}, 600_000);
