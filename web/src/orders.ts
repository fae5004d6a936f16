/** The messages between the page and its worker. */
import type { Settings } from "./animator";
import type { Crop, Framed } from "./framing";
import type { Fetched, Places } from "./model";
import type { Motion } from "./motion";
import type { About } from "./stage";

/** Frames and photos cross as bitmaps: handing one over copies nothing. */
export type Order =
  | { kind: "open"; places: Places; fetched: Fetched; threads: number }
  | { kind: "source"; image: ImageBitmap; crop: Crop }
  | { kind: "begin"; samples: ImageBitmap[]; crop: Crop; settings: Settings; rate: number }
  | { kind: "adjust"; settings: Settings }
  | { kind: "rest" }
  | { kind: "resize"; side: number }
  | { kind: "see"; image: ImageBitmap }
  | { kind: "meet"; image: ImageBitmap; motion: Motion }
  | { kind: "follow"; motion: Motion }
  | { kind: "show"; motion: Motion };

export type Answer = About | Framed | Motion | Uint8ClampedArray<ArrayBuffer> | void;

export type Said =
  | { kind: "done"; id: number; answer: Answer }
  /** An empty message stands for a fault of ours, which the console tells. */
  | { kind: "failed"; id: number; message: string };
