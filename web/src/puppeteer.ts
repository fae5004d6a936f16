/** The page's side of one worker: calls that answer when the worker has. */
import type { Settings } from "./animator";
import { VisitorError } from "./errors";
import type { Crop, Framed } from "./framing";
import type { Fetched, Places } from "./model";
import type { Motion } from "./motion";
import type { Answer, Order, Said } from "./orders";
import type { About } from "./stage";

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export class Puppeteer {
  private waiting = new Map<number, Waiting>();
  private count = 0;

  constructor(private worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Said>) => this.hear(data);
    worker.onerror = () => this.abandon();
  }

  open(places: Places, fetched: Fetched, threads: number): Promise<About> {
    return this.ask({ kind: "open", places, fetched, threads }) as Promise<About>;
  }

  /** Choose what to move. Pictures here and below stay the caller's. */
  source(image: ImageBitmap, crop: Crop): Promise<Framed> {
    return this.ask({ kind: "source", image, crop }) as Promise<Framed>;
  }

  begin(samples: ImageBitmap[], crop: Crop, settings: Settings, rate: number): Promise<Framed> {
    return this.ask({ kind: "begin", samples, crop, settings, rate }) as Promise<Framed>;
  }

  async adjust(settings: Settings): Promise<void> {
    await this.ask({ kind: "adjust", settings });
  }

  async rest(): Promise<void> {
    await this.ask({ kind: "rest" });
  }

  /** Pictures of `side` pixels from now on. */
  async resize(side: number): Promise<void> {
    await this.ask({ kind: "resize", side });
  }

  /** The motion of the driving frame `image`, which is handed over; of what came before only the one that was met counts. */
  see(image: ImageBitmap): Promise<Motion> {
    return this.ask({ kind: "see", image }, [image]) as Promise<Motion>;
  }

  /** The motion of a driving frame that is to be met; it stays the caller's. */
  first(image: ImageBitmap): Promise<Motion> {
    return this.ask({ kind: "see", image }) as Promise<Motion>;
  }

  /** The stream begins with the driving frame `image`, which has that motion. */
  async meet(image: ImageBitmap, motion: Motion): Promise<void> {
    await this.ask({ kind: "meet", image, motion });
  }

  /** The next frame of the stream has that motion, and somebody else shows it. */
  async follow(motion: Motion): Promise<void> {
    await this.ask({ kind: "follow", motion });
  }

  /** RGBA bytes of the photo at the next frame of the stream, which has that motion. */
  show(motion: Motion): Promise<Uint8ClampedArray<ArrayBuffer>> {
    return this.ask({ kind: "show", motion }) as Promise<Uint8ClampedArray<ArrayBuffer>>;
  }

  /** Nothing is asked of the worker any more. */
  close(): void {
    this.worker.terminate();
  }

  private ask(order: Order, handed: Transferable[] = []): Promise<Answer> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, order }, handed);
    });
  }

  private hear(said: Said): void {
    const waiting = this.waiting.get(said.id)!;
    this.waiting.delete(said.id);
    if (said.kind === "done") return waiting.resolve(said.answer);
    waiting.reject(said.message ? new VisitorError(said.message) : new Error("the worker failed"));
  }

  /** The worker itself is gone: nobody will answer any more. */
  private abandon(): void {
    for (const { reject } of this.waiting.values()) reject(new Error("the worker failed"));
    this.waiting.clear();
  }
}
