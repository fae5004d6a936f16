/** The engine's own frames, from Node: tests/web/test_parity.py writes them into the folder that BUNRAKU_REFERENCE names. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Animator, DEFAULTS, sceneOf } from "../src/animator";
import { readBundle, SMALLER } from "../src/bundle";
import { Engine, smallerName, type Models } from "../src/engine";
import { cutTo } from "../src/framing";
import { loadRuntime } from "../src/graphs";
import { Canvas } from "../src/layers/canvas";
import { NETWORKS, openNetworks } from "../src/layers/networks";
import { givesSense } from "../src/model";
import type { Mode } from "../src/motion";
import type { Picture } from "../src/picture";
import { resize } from "../src/resample";
import { Window } from "../src/window";

const folder = process.env.BUNRAKU_REFERENCE ?? "";
/** Largest difference of a byte that is allowed. */
const LIMIT = 3;
/** One byte in so many may differ by more in layers, and by how much: where something hides what is behind it, a hair's breadth decides. */
const [RARE, EDGE] = [100_000, 16];

it.skipIf(!folder)("pictures are the engine's within 3/255", async () => {
  const { model, side, frames, modes, photo, window } = JSON.parse(readFileSync(`${folder}/reference.json`, "utf8"));
  const bundle = await readBundle(readFileSync(`${model}/bundle.json`, "utf8"));
  const models: Models = {};
  for (const [name, graph] of Object.entries(bundle.graphs)) {
    models[name as keyof Models] = new Uint8Array(readFileSync(`${model}/${graph.file}`));
  }
  const { smaller } = bundle;
  for (const name of SMALLER) models[smallerName(name)] = new Uint8Array(readFileSync(`${model}/${smaller!.graphs[name].file}`));
  const runtime = await loadRuntime("wasm", 1);
  const assets = new URL("../../runtime/assets/", import.meta.url);
  const files = NETWORKS.map((name) => [name, new Uint8Array(readFileSync(new URL(`${name}.onnx`, assets)))]);
  const networks = await openNetworks(runtime, Object.fromEntries(files));
  const engine = await Engine.open(runtime, bundle, models, networks);
  expect(await givesSense(engine)).toBe(true);
  const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${name}.bin`));
  const driving = bytes("driving");
  const [width, height] = photo;
  const picture: Picture = { width, height, stride: 3, data: bytes("photo") };
  const part = new Window(window[0], window[1], window[2]);
  const source = cutTo(picture, { window: part }, side);
  const frame = (index: number): Uint8Array => driving.subarray(index * side * side * 3, (index + 1) * side * side * 3);
  const compare = async (animator: Animator, mode: Mode, name: string): Promise<void> => {
    const expected = bytes(name);
    animator.begin({ ...DEFAULTS, mode }, 25);
    const begun = performance.now();
    let [worst, beyond, compared] = [0, 0, 0];
    for (let index = 0; index < frames; index++) {
      const found = await animator.frame(frame(index));
      found.forEach((value, at) => {
        const difference = Math.abs(value - expected[index * found.length + at]);
        worst = Math.max(worst, difference);
        if (difference > LIMIT) beyond++;
      });
      compared += found.length;
    }
    const rate = (1000 * frames) / (performance.now() - begun);
    console.log(`${name}: at most ${worst}/255, ${rate.toFixed(1)} frames a second`);
    const layered = name.endsWith("-layers");
    expect.soft(worst, name).toBeLessThanOrEqual(layered ? EDGE : LIMIT);
    expect.soft(beyond, name).toBeLessThanOrEqual(compared / RARE);
  };
  const canvas = Canvas.around(source, side, picture, part);
  const animator = new Animator(engine);
  await animator.setSource(source);
  for (const mode of modes) await compare(animator, mode, mode);
  await animator.setSource(source, canvas);
  for (const mode of modes) await compare(animator, mode, `${mode}-layers`);

  // Half as large they are the same pictures, but for what is lost; with layers and without.
  const half = smaller!.resolution;
  const little = await engine.sized(half);
  const cut = cutTo(picture, { window: part }, half);
  for (const [name, around] of [["relative", undefined], ["relative-layers", Canvas.around(cut, half, picture, part)]] as const) {
    await animator.setSource(source, around && canvas);
    animator.begin(DEFAULTS, 25);
    const encoded = await engine.encode(source);
    const { motion } = around ? await engine.looked(encoded, source) : encoded;
    animator.take(await sceneOf(little, await little.features(cut, motion), around));
    const expected = bytes(name);
    let sum = 0;
    for (let index = 0; index < frames; index++) {
      const found = await animator.frame(frame(index));
      expect(found.length).toBe(half * half * 3);
      const whole = { width: side, height: side, stride: 3, data: expected.subarray(4 * index * found.length) } as const;
      const wanted = resize(whole, [half, half]).data;
      sum += found.reduce((total, value, at) => total + Math.abs(value - wanted[at]), 0) / found.length;
    }
    console.log(`${name} at ${half} pixels: ${(sum / frames).toFixed(2)}/255 on average`);
    expect.soft(sum / frames, name).toBeLessThan(4);
  }

  const nobody = new Uint8Array(side * side * 3).fill(120);
  await animator.setSource(nobody, Canvas.around(nobody, side, picture));
  const found = await animator.frame(frame(0));
  await animator.setSource(nobody);
  expect(found).toEqual(await animator.frame(frame(0)));

  await engine.close();
  const nameless = new Animator(await Engine.open(runtime, { ...bundle, names: {} }, models, networks));
  await nameless.setSource(source, canvas);
  await compare(nameless, "relative", "nameless");
}, 600_000);
