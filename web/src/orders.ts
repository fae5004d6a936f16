/** The messages between the page and its worker. */
import type { Settings } from "./animator";
import type { Crop, Framed } from "./framing";
import type { Backend } from "./graphs";
import type { Places } from "./model";
import type { About } from "./stage";

/** Frames and photos cross as bitmaps: handing one over copies nothing. */
export type Order =
  | { kind: "open"; places: Places; prefer?: Backend }
  | { kind: "source"; image: ImageBitmap; crop: Crop }
  | { kind: "begin"; samples: ImageBitmap[]; crop: Crop; settings: Settings; rate: number }
  | { kind: "adjust"; settings: Settings }
  | { kind: "rest" }
  | { kind: "frame"; image: ImageBitmap };

export type Answer = About | Framed | Uint8ClampedArray<ArrayBuffer> | void;

export type Said =
  | { kind: "progress"; done: number; total: number }
  | { kind: "done"; id: number; answer: Answer }
  /** An empty message stands for a fault of ours, which the console tells. */
  | { kind: "failed"; id: number; message: string };
