/** The webcam moves the photo: the newest frame is shown, and what comes meanwhile is dropped. */
import { VisitorError } from "./errors";
import type { Screen } from "./screen";
import type { Settings } from "./animator";
import type { Troupe } from "./troupe";

/** Pixels along the side of what is looked at; more would only take time. */
const SIDE = 480;
/** Frames a second that the smoothing counts on. */
const RATE = 15;
/** Frames over which the speed is measured. */
const MEASURED = 20;

/** Told of every frame that is shown: frames a second lately, and what this one took in seconds. Waited for. */
export type Speed = (rate: number | undefined, seconds: number) => void | Promise<void>;

export class Camera {
  private stream?: MediaStream;
  private running = false;
  private mirror = new OffscreenCanvas(SIDE, SIDE);

  constructor(private video: HTMLVideoElement) {}

  /** Ask for the webcam and show it. Throws a `VisitorError` where there is none, or it is refused. */
  async open(): Promise<void> {
    this.running = true;
    const wanted = { video: { width: { ideal: SIDE }, height: { ideal: SIDE }, facingMode: "user" } };
    this.stream = await navigator.mediaDevices?.getUserMedia(wanted).catch(() => undefined);
    if (!this.running) return this.close(); // switched off before it was there
    if (!this.stream) throw new VisitorError("There is no webcam to be had; allow the page to use it, or plug one in.");
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  /** Move the troupe's photo until `close` is called. */
  async run(troupe: Troupe, screen: Screen, settings: Settings, speed: Speed): Promise<void> {
    if (!this.running) return;
    await troupe.begin([this.look()], "auto", settings, RATE);
    const times: number[] = [];
    const waiting: { begun: number; shown: Promise<Uint8ClampedArray<ArrayBuffer>> }[] = [];
    let took = 0;
    while (this.running) {
      const begun = performance.now();
      waiting.push({ begun, shown: troupe.frame(this.look()) });
      waiting.at(-1)!.shown.catch(() => {}); // heard when it is waited for
      if (waiting.length >= troupe.size) {
        const first = waiting.shift()!;
        screen.show(await first.shown);
        times.push(performance.now());
        took = times.at(-1)! - first.begun;
        if (times.length > MEASURED) times.shift();
        const rate = times.length > 1 ? (1000 * (times.length - 1)) / (times.at(-1)! - times[0]) : undefined;
        await speed(rate, took / 1000);
      }
      // Frames that are in work together are taken, and so shown, at even distances.
      await pause(begun + took / troupe.size - performance.now());
    }
  }

  close(): void {
    this.running = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
  }

  /** The middle of the present frame, mirrored: people expect to see themselves so. */
  private look(): ImageBitmap {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    const context = this.mirror.getContext("2d")!;
    context.setTransform(-1, 0, 0, 1, SIDE, 0);
    context.drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
    return this.mirror.transferToImageBitmap();
  }
}

/** At least until the screen shows what is there. */
async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  await new Promise((resolve) => requestAnimationFrame(resolve));
}
