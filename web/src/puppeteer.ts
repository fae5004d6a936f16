/** The page's side of the worker: calls that answer when the worker has. */
import type { Settings } from "./animator";
import type { Progress } from "./download";
import { VisitorError } from "./errors";
import type { Crop, Framed } from "./framing";
import type { Backend } from "./graphs";
import type { Places } from "./model";
import type { Answer, Order, Said } from "./orders";
import type { About } from "./stage";

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export class Puppeteer {
  private waiting = new Map<number, Waiting>();
  private count = 0;
  private progress: Progress = () => {};

  constructor(private worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Said>) => this.hear(data);
    worker.onerror = () => this.abandon();
  }

  open(places: Places, progress: Progress, prefer?: Backend): Promise<About> {
    this.progress = progress;
    return this.ask({ kind: "open", places, prefer }) as Promise<About>;
  }

  source(image: ImageBitmap, crop: Crop): Promise<Framed> {
    return this.ask({ kind: "source", image, crop }, [image]) as Promise<Framed>;
  }

  begin(samples: ImageBitmap[], crop: Crop, settings: Settings, rate: number): Promise<Framed> {
    return this.ask({ kind: "begin", samples, crop, settings, rate }, samples) as Promise<Framed>;
  }

  async adjust(settings: Settings): Promise<void> {
    await this.ask({ kind: "adjust", settings });
  }

  async rest(): Promise<void> {
    await this.ask({ kind: "rest" });
  }

  /** RGBA bytes of the photo in the pose of `image`, which is handed over. */
  frame(image: ImageBitmap): Promise<Uint8ClampedArray<ArrayBuffer>> {
    return this.ask({ kind: "frame", image }, [image]) as Promise<Uint8ClampedArray<ArrayBuffer>>;
  }

  private ask(order: Order, handed: Transferable[] = []): Promise<Answer> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, order }, handed);
    });
  }

  private hear(said: Said): void {
    if (said.kind === "progress") return this.progress(said.done, said.total);
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
