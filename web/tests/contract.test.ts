import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GRAPHS } from "../src/bundle";
import { isFeature } from "../src/engine";
import { USUAL_KINDS } from "../src/kinds";
import { EYES, HEAD, RESIDUAL, LIPS, MODES } from "../src/motion";

const names = JSON.parse(readFileSync(new URL("vectors/contract.json", import.meta.url), "utf8"));

describe("the names of the contract are those of checkpoints/contract.py", () => {
  it("graphs, modes and motion parameters", () => {
    expect([...GRAPHS]).toEqual(names.graphs);
    expect(names.modes).toEqual(expect.arrayContaining([...MODES]));
    expect(Object.keys(USUAL_KINDS)).toEqual([...names.parameters, EYES, LIPS, HEAD, "limbs", RESIDUAL, "takes"]);
  });
  it("maps of the encoded source", () => {
    expect(isFeature(names.feature)).toBe(true);
    expect(names.parameters.some(isFeature)).toBe(false);
  });
});
