import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readBundle, sha256 } from "../src/bundle";
import { download } from "../src/download";
import { VisitorError } from "../src/errors";

const text = readFileSync(new URL("../../checkpoints/embedded/faces-lite/bundle.json", import.meta.url), "utf8");

/** The description with `change`, sealed again as checkpoints/bundle.py does. */
async function resealed(change: (values: Record<string, unknown>) => void): Promise<string> {
  const values = JSON.parse(text);
  change(values);
  values.sha256 = "0".repeat(64);
  const open = `${JSON.stringify(values, null, 2)}\n`;
  return open.replace("0".repeat(64), await sha256(new TextEncoder().encode(open)));
}

describe("the description of a model", () => {
  it("is read as it was sealed", async () => {
    const bundle = await readBundle(text);
    expect(bundle.name).toBe("faces-lite");
    expect(bundle.graphs.render!.inputs).toContain("driving_points");
    expect(bundle.framing.head).toBe(0.6);
  });
  it("of an older format says what it would say now", async () => {
    const motion = { points: { kind: "point", shape: [50, 2] } };
    expect((await readBundle(text)).motion).toEqual(motion);
    const newer = await resealed((values) => Object.assign(values, { format: "2.0", motion }));
    expect((await readBundle(newer)).motion).toEqual(motion);
    const affine = (await readBundle(await resealed((values) => Object.assign(values, { jacobians: true })))).motion;
    expect(affine.jacobians).toEqual({ kind: "linear", shape: [50, 2, 2] });
  });
  it("offers no mode that this page does not do", async () => {
    const modes = ["relative", "telepathic", "absolute"];
    const newer = await resealed((values) => Object.assign(values, { modes }));
    expect((await readBundle(newer)).modes).toEqual(["relative", "absolute"]);
  });
  it("may have a smaller size, of another resolution and with graphs of its own", async () => {
    const { graphs } = JSON.parse(text);
    const smaller = { resolution: 128, graphs: { source: { ...graphs.source, file: "source-128.onnx" }, render: graphs.render } };
    expect((await readBundle(text)).smaller).toBeUndefined();
    expect((await readBundle(await resealed((values) => Object.assign(values, { smaller })))).smaller).toEqual(smaller);
    for (const wrong of [{ ...smaller, resolution: 256 }, { resolution: 128, graphs: { source: graphs.source } }, {}]) {
      const changed = await resealed((values) => Object.assign(values, { smaller: wrong }));
      await expect(readBundle(changed)).rejects.toThrow(/impossible smaller size/);
    }
  });
  it("is refused with any byte changed", async () => {
    for (const [from, to] of [
      ["faces-lite", "faces-life"],
      ['"resolution": 256', '"resolution": 512'],
    ]) {
      await expect(readBundle(text.replace(from, to))).rejects.toThrow(/changed after/);
    }
  });
  it.each([
    ["another major format", { format: "3.0" }, /format 3.0/],
    ["no motion", { format: "2.0" }, /has a motion that this page does not know/],
    ["an unknown kind", { format: "2.0", motion: { a: { kind: "smell", shape: [2] } } }, /a motion that this page/],
    ["no shape", { format: "2.0", motion: { a: { kind: "code", shape: [] } } }, /a motion that this page/],
    ["no ranges", { format: "2.0", motion: { a: { kind: "coefficient", shape: [2] } } }, /a motion that this page/],
    ["no mode", { modes: ["telepathic"] }, /no driving mode that this page knows/],
    ["several views", { views: "many" }, /several photos/],
    ["no graphs", { graphs: {} }, /lacks source, motion, render/],
    ["larger results", { output_resolution: 512 }, /^The model makes pictures of 512 pixels from ones of 256, which this page does not; use it with/],
    ["outlines", { framing: { source: { scale: 2.3 } } }, /cut by outlines of faces, which this page does not/],
  ])("is refused with %s", async (_, change, message) => {
    await expect(readBundle(await resealed((values) => Object.assign(values, change)))).rejects.toThrow(message);
  });
  it("may not name files elsewhere", async () => {
    const changed = await resealed((values) => {
      (values.graphs as Record<string, { file: string }>).motion.file = "../motion.onnx";
    });
    await expect(readBundle(changed)).rejects.toThrow(/impossible file/);
  });
  it("that is no JSON is refused", async () => {
    await expect(readBundle("<html>")).rejects.toThrow(VisitorError);
  });
});

describe("a download", () => {
  afterEach(() => void vi.unstubAllGlobals());
  const content = Uint8Array.of(1, 2, 3, 4, 5);
  const served = (response: () => Response): void => void vi.stubGlobal("fetch", async () => response());

  it("tells how far it is, and is verified", async () => {
    served(() => new Response(content));
    const seen: number[][] = [];
    const wanted = { a: { url: "x/a", bytes: 5, sha256: await sha256(content) }, b: { url: "x/b", bytes: 5 } };
    const files = await download(wanted, (...step) => seen.push(step));
    expect(files.a).toEqual(content);
    expect(seen.at(-1)).toEqual([10, 10]);
  });
  it.each([
    ["too short", { bytes: 6 }, /damaged/],
    ["too long", { bytes: 4 }, /damaged/],
    ["another content", { bytes: 5, sha256: "00" }, /damaged/],
  ])("is refused when %s", async (_, wanted, message) => {
    served(() => new Response(content));
    await expect(download({ a: { url: "x/a", ...wanted } })).rejects.toThrow(message);
  });
  it("says what could not be fetched", async () => {
    served(() => new Response("", { status: 404 }));
    await expect(download({ a: { url: "x/a.onnx", bytes: 1 } })).rejects.toThrow(/^a.onnx could not be fetched/);
  });
});
