/**
 * Several workers that move one photo together, frame by frame in turn. Of a frame's work most is done one step after the
 * other: a second thread makes it a sixth shorter, a second worker, with a frame of its own, brings twice the frames.
 */
import type { Settings } from "./animator";
import type { Progress } from "./download";
import type { Crop, Framed } from "./framing";
import type { Backend } from "./graphs";
import { fetchModel, type Places } from "./model";
import type { Motion } from "./motion";
import { Puppeteer } from "./puppeteer";
import type { About } from "./stage";

/** Each worker has a model of its own in memory. */
const MOST_WORKERS = 4;
const MOST_THREADS = 8;

/** How many workers share `cores`, and the threads of each: more than one only where memory may be `shared`. */
export function castFor(cores: number, backend: Backend, shared: boolean): { workers: number; threads: number } {
  const workers = backend === "wasm" ? Math.max(1, Math.min(cores, MOST_WORKERS)) : 1;
  const threads = shared ? Math.max(1, Math.min(Math.floor(cores / workers), MOST_THREADS)) : 1;
  return { workers, threads };
}

export class Troupe {
  /** What all must hear in the same order, one after another: it decides what later frames count from. */
  private last: Promise<unknown> = Promise.resolve();
  private turn = 0;
  private puppeteers: Puppeteer[] = [];
  private side?: number;
  /** Whether the next frame is one that others count from. */
  private fresh = true;
  /** When all have been told of the last one that was. */
  private met: Promise<unknown> = Promise.resolve();

  constructor(private create: () => Worker) {}

  /**
   * Fetch the model and open it in as many workers as are worth while. What comes back speaks of all of them together.
   * Throws a `VisitorError`.
   */
  async open(places: Places, progress: Progress, prefer?: Backend): Promise<About> {
    const fetched = await fetchModel(places, progress, prefer);
    const cores = navigator.hardwareConcurrency || 1;
    const { workers, threads } = castFor(cores, fetched.backend, globalThis.crossOriginIsolated);
    const all = Array.from({ length: workers }, () => new Puppeteer(this.create()));
    const opened = await Promise.allSettled(all.map((one) => one.open(places, fetched, threads)));
    // Where memory does not suffice for all of them, fewer do.
    this.puppeteers = all.filter((one, index) => opened[index].status === "fulfilled" || one.close());
    const abouts = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    if (!abouts.length) throw (opened[0] as PromiseRejectedResult).reason;
    return { ...abouts[0], threads: threads * this.size };
  }

  /** How many frames are in work at a time at most. */
  get size(): number {
    return this.puppeteers.length;
  }

  /** Choose what to move; `image` is handed over. */
  source(image: ImageBitmap, crop: Crop): Promise<Framed> {
    this.fresh = true;
    return this.tell((one) => one.source(image, crop)).finally(() => image.close());
  }

  /** Begin a stream whose first seconds show `samples`, which are handed over. */
  begin(samples: ImageBitmap[], crop: Crop, settings: Settings, rate: number): Promise<Framed> {
    this.fresh = true;
    return this.tell((one) => one.begin(samples, crop, settings, rate)).finally(() => samples.forEach((image) => image.close()));
  }

  async adjust(settings: Settings): Promise<void> {
    await this.tell((one) => one.adjust(settings));
  }

  async rest(): Promise<void> {
    this.fresh = true;
    await this.tell((one) => one.rest());
  }

  /** Frames that come from now on are shown in pictures of `side` pixels, one of the model's sizes. */
  async resize(side: number): Promise<void> {
    if (side === this.side) return;
    this.side = side;
    await this.tell((one) => one.resize(side));
  }

  /** RGBA bytes of the photo in the pose of the next driving frame, `image`, which is handed over. Need not be waited for. */
  async frame(image: ImageBitmap): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const one = this.puppeteers[this.turn++ % this.size];
    const seen = this.seenBy(one, image);
    seen.catch(() => {}); // heard when it is its turn
    const shown = await this.inTurn(async () => {
      const motion = await seen;
      return { pixels: this.shownBy(one, motion) }; // in an object, so that nobody waits for them
    });
    return shown.pixels;
  }

  /** The motion of a frame. The one that others count from is met by all before they look at those. */
  private seenBy(one: Puppeteer, image: ImageBitmap): Promise<Motion> {
    if (!this.fresh) return this.met.then(() => one.see(image));
    this.fresh = false;
    // What was told before, a new photo or a new beginning, must have been heard.
    const seen = this.last.then(() => one.first(image));
    this.met = seen
      .then((motion) => {
        // Who could not meet the driver finds no more than points say, and its console tells.
        for (const each of this.puppeteers) each.meet(image, motion).catch(() => {});
      })
      .catch(() => {}) // heard by whoever shows it
      .finally(() => image.close());
    return seen;
  }

  private shownBy(one: Puppeteer, motion: Motion): Promise<Uint8ClampedArray<ArrayBuffer>> {
    for (const other of this.puppeteers) {
      // Whoever cannot follow cannot show its own next frame either, which is heard.
      if (other !== one) other.follow(motion).catch(() => {});
    }
    return one.show(motion);
  }

  /** The same to all; what the first of them answers, once all have. */
  private async tell<T>(order: (one: Puppeteer) => Promise<T>): Promise<T> {
    const { answers } = await this.inTurn(async () => ({ answers: Promise.all(this.puppeteers.map(order)) }));
    return (await answers)[0];
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    this.last = done.catch(() => {}); // what fails is heard by whoever asked for it
    return done;
  }
}
