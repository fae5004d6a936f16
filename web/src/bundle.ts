/** What `bundle.json` says of a model (docs/contract.md), read and verified before anything else is fetched. */
import { VisitorError } from "./errors";
import { USUAL, type Framing } from "./framing";
import { isKind, size, USUAL_KINDS, type Parameters } from "./kinds";
import { namesOf } from "./layers/anatomy";
import type { Names } from "./layers/points";
import { isMode, type Mode } from "./motion";

export const GRAPHS = ["source", "motion", "render", "disentangle"] as const;
export type GraphName = (typeof GRAPHS)[number];

/** One ONNX file of a bundle. */
export interface GraphEntry {
  file: string;
  sha256: string;
  bytes: number;
  inputs: string[];
  outputs: string[];
}

/** The graphs that a smaller size has of its own, whose files leave out the weights of the others (weights.ts). */
export const SMALLER = ["source", "render"] as const;

/** A size of the pictures in which the model moves a photo about twice as quick. */
export interface Smaller {
  resolution: number;
  graphs: Record<(typeof SMALLER)[number], GraphEntry>;
}

export interface Bundle {
  name: string;
  resolution: number;
  smaller?: Smaller;
  /** The parameters of its motions by name. */
  motion: Parameters;
  modes: Mode[];
  graphs: Partial<Record<GraphName, GraphEntry>>;
  framing: Framing;
  /** Numbers of the points by their names; empty where these tell too little of a face. */
  names: Names;
}

const MAJORS = ["1", "2"];
const FILE_NAME = /^[\w.-]+\.onnx$/;
const ZEROS = "0".repeat(64);

/** The model that `text`, the content of a `bundle.json`, describes. Throws a `VisitorError` where it cannot be used. */
export async function readBundle(text: string): Promise<Bundle> {
  const values = parse(text);
  const major = String(values.format).split(".")[0];
  if (!MAJORS.includes(major)) throw broken(`has format ${values.format}`);
  if (!(await isSealed(text, String(values.sha256)))) throw broken("was changed after it was made");
  const graphs = Object.fromEntries(
    GRAPHS.filter((name) => values.graphs?.[name]).map((name) => [name, entry(values.graphs[name])]),
  ) as Bundle["graphs"];
  const missing = (["source", "motion", "render"] as const).filter((name) => !graphs[name]);
  if (missing.length) throw broken(`lacks ${missing.join(", ")}`);
  if (!Number.isInteger(values.resolution) || values.resolution < 16) throw broken("has no resolution");
  const modes = (values.modes as unknown[]).filter(isMode).filter((mode) => mode !== "disentangled" || graphs.disentangle);
  if (!modes.length) throw broken("has no driving mode that this page knows");
  if (values.views !== "one") throw broken("takes several photos, which this page does not");
  const out = values.output_resolution ?? values.resolution;
  if (out !== values.resolution) throw tooLarge(`makes pictures of ${out} pixels from ones of ${values.resolution}`);
  if (values.framing?.source || values.framing?.driving) throw tooLarge("wants squares that are cut by outlines of faces");
  return {
    name: String(values.name),
    resolution: values.resolution,
    smaller: values.smaller && smaller(values.smaller, values.resolution),
    motion: parameters(major === "1" ? upgraded(values) : values.motion),
    modes,
    graphs,
    framing: { ...USUAL, ...values.framing },
    names: namesOf(values.structure?.names ?? []),
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    throw broken("cannot be read");
  }
}

/** What a description before format 2 says of its motion, as format 2 would. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function upgraded({ num_points: points, jacobians, graphs }: Record<string, any>): unknown {
  const given = { points: true, jacobians, covariances: graphs.motion.outputs.includes("covariances") };
  const names = Object.entries(given).filter(([, there]) => there);
  return Object.fromEntries(
    names.map(([name]) => [name, { kind: USUAL_KINDS[name], shape: name === "points" ? [points, 2] : [points, 2, 2] }]),
  );
}

function parameters(values: unknown): Parameters {
  const declared = Object.entries((values ?? {}) as Parameters);
  const whole = (size: unknown): boolean => Number.isInteger(size) && (size as number) > 0;
  const fine = declared.every(
    ([, { kind, shape, ranges, kept }]) =>
      isKind(kind) &&
      Array.isArray(shape) &&
      shape.length > 0 &&
      shape.every(whole) &&
      (kind !== "coefficient" || ranges?.length === shape[0]) &&
      (kept ?? []).every((at) => at >= 0 && at < size(shape)),
  );
  if (!declared.length || !fine) throw broken("has a motion that this page does not know");
  return Object.fromEntries(declared);
}

function smaller({ resolution, graphs }: Smaller, whole: number): Smaller {
  const fine = Number.isInteger(resolution) && resolution >= 16 && resolution < whole;
  if (!fine || !SMALLER.every((name) => graphs?.[name])) throw broken("has an impossible smaller size");
  return { resolution, graphs: { source: entry(graphs.source), render: entry(graphs.render) } };
}

function entry(graph: GraphEntry): GraphEntry {
  if (!FILE_NAME.test(graph.file) || !(graph.bytes > 0)) throw broken("names an impossible file");
  return graph;
}

function broken(why: string): VisitorError {
  return new VisitorError(`The model's description ${why}; reload the page, or tell whoever runs it.`);
}

/** Of a model that is made for more than a browser. */
function tooLarge(why: string): VisitorError {
  return new VisitorError(`The model ${why}, which this page does not; use it with Bunraku's command or its other page.`);
}

/** Whether the description holds its own hash: that of the text with zeros in the hash's place. */
async function isSealed(text: string, digest: string): Promise<boolean> {
  const open = text.replace(`"sha256": "${digest}"`, `"sha256": "${ZEROS}"`);
  return (await sha256(new TextEncoder().encode(open))) === digest;
}

/** Lower-case hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
