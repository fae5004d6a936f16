/** A photo moved by a driving video from beginning to end, on a screen and into a film. */
import type { Settings } from "./animator";
import type { Driving, Shot } from "./driving";
import { openFilm } from "./film";
import type { Crop, Framed } from "./framing";
import type { Screen } from "./screen";
import type { Troupe } from "./troupe";

export interface Performed {
  film: Blob;
  frames: number;
  /** Length of the film, and how long it took, in seconds. */
  seconds: number;
  took: number;
  framed: Framed;
}

export interface Wishes {
  settings: Settings;
  crop: Crop;
  /** Called after each frame. */
  progress(done: number, total: number): void;
  signal: AbortSignal;
}

/** The photo that the troupe holds, moved by `driving`. Throws what the signal says when it is stopped. */
export async function perform(
  troupe: Troupe,
  driving: Driving,
  screen: Screen,
  { settings, crop, progress, signal }: Wishes,
): Promise<Performed> {
  const begun = performance.now();
  const framed = await troupe.begin(await driving.samples(), crop, settings, driving.rate);
  const film = await openFilm(screen.canvas, driving);
  let [frames, seconds] = [0, 0];
  try {
    for await (const { pixels, at, lasts } of shown(troupe, driving.shots())) {
      signal.throwIfAborted();
      screen.show(pixels);
      await film.add(at, lasts);
      frames += 1;
      seconds = at + lasts;
      progress(frames, Math.max(frames, driving.total));
    }
  } catch (error) {
    await film.cancel();
    throw error;
  }
  return { film: await film.finish(), frames, seconds, took: (performance.now() - begun) / 1000, framed };
}

interface Shown {
  pixels: Uint8ClampedArray<ArrayBuffer>;
  at: number;
  lasts: number;
}

/** What the troupe makes of the shots, in their order; each of it has one frame in work, and another one waits. */
async function* shown(troupe: Troupe, shots: AsyncIterable<Shot>): AsyncGenerator<Shown> {
  const waiting: Promise<Shown>[] = [];
  const begin = ({ image, at, lasts }: Shot): void => {
    const one = troupe.frame(image).then((pixels) => ({ pixels, at, lasts }));
    one.catch(() => {}); // heard when it is its turn, if anybody still listens then
    waiting.push(one);
  };
  for await (const shot of ahead(shots)) {
    begin(shot);
    if (waiting.length > troupe.size) yield await waiting.shift()!;
  }
  while (waiting.length) yield await waiting.shift()!;
}

/** The same shots, the next one being decoded while one is in work. */
async function* ahead(shots: AsyncIterable<Shot>): AsyncGenerator<Shot> {
  const source = shots[Symbol.asyncIterator]();
  let next = source.next();
  try {
    for (;;) {
      const shot = await next;
      if (shot.done) return;
      next = source.next();
      next.catch(() => {}); // heard when it is waited for
      yield shot.value;
    }
  } finally {
    const unused = await next.catch(() => undefined);
    if (unused && !unused.done) unused.value.image.close();
    await source.return?.();
  }
}
