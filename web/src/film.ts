/** The result as a file: frames of a canvas, encoded as they come where the browser can, with the mark of what is made. */
import {
  BlobSource,
  BufferTarget,
  CanvasSource,
  Conversion,
  getFirstEncodableVideoCodec,
  Input,
  Mp4OutputFormat,
  Output,
  WEBM,
  WebMOutputFormat,
  type VideoCodec,
} from "mediabunny";
import type { Driving } from "./driving";
import { marked, TAGS } from "./marks";

/** A film in the making. */
export interface Film {
  /** The canvas as it is now, shown from `at` on for `lasts` seconds. */
  add(at: number, lasts: number): Promise<void>;
  finish(): Promise<Blob>;
  cancel(): Promise<void>;
}

const BITRATE = 2_500_000;
/** What every player plays, in the order of preference, and what it is put into. */
const KINDS: [VideoCodec, () => Mp4OutputFormat | WebMOutputFormat][] = [
  ["avc", () => new Mp4OutputFormat({ fastStart: "in-memory" })],
  ["vp9", () => new WebMOutputFormat()],
  ["vp8", () => new WebMOutputFormat()],
];

/** Begin a film of what `canvas` shows, with the sound of `driving`. */
export async function openFilm(canvas: HTMLCanvasElement, driving: Driving): Promise<Film> {
  const size = { width: canvas.width, height: canvas.height };
  const codecs = KINDS.map(([codec]) => codec);
  const codec = typeof VideoEncoder === "undefined" ? null : await getFirstEncodableVideoCodec(codecs, size);
  return codec ? encoded(canvas, driving, codec) : new Replay(canvas);
}

async function encoded(canvas: HTMLCanvasElement, driving: Driving, codec: VideoCodec): Promise<Film> {
  const format = KINDS.find(([known]) => known === codec)![1]();
  const target = new BufferTarget();
  const output = new Output({ format, target });
  const pictures = new CanvasSource(canvas, { codec, bitrate: BITRATE });
  output.addVideoTrack(pictures);
  const writeSound = await driving.sound?.addTo(output);
  output.setMetadataTags(TAGS);
  await output.start();
  // Failures are heard when the film is finished; until then nobody waits for it.
  const sound = Promise.resolve(writeSound?.()).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    add: (at, lasts) => pictures.add(at, lasts),
    async finish() {
      const failure = await sound;
      if (failure) throw failure;
      await output.finalize();
      return marked(new Blob([target.buffer!], { type: format.mimeType }));
    },
    cancel: () => output.cancel(),
  };
}

/** For browsers that encode only what is played: frames are kept, and played to a recorder at the end. */
class Replay implements Film {
  private frames: { picture: Blob; lasts: number }[] = [];

  constructor(private canvas: HTMLCanvasElement) {}

  async add(_: number, lasts: number): Promise<void> {
    const picture = await new Promise<Blob | null>((resolve) => this.canvas.toBlob(resolve, "image/webp", 0.95));
    this.frames.push({ picture: picture!, lasts });
  }

  async finish(): Promise<Blob> {
    const stop = record(this.canvas);
    const context = this.canvas.getContext("2d")!;
    for (const { picture, lasts } of this.frames) {
      context.drawImage(await createImageBitmap(picture), 0, 0);
      await new Promise((resolve) => setTimeout(resolve, 1000 * lasts));
    }
    return stop();
  }

  async cancel(): Promise<void> {
    this.frames = [];
  }
}

/** Record what `canvas` shows from now on; the function that comes back ends it and gives the file. */
export function record(canvas: HTMLCanvasElement): () => Promise<Blob> {
  const recorder = new MediaRecorder(canvas.captureStream(), { videoBitsPerSecond: BITRATE });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start(1000);
  return () =>
    new Promise((resolve, reject) => {
      recorder.onstop = () => resolve(tagged(new Blob(parts, { type: recorder.mimeType.split(";")[0] })));
      recorder.onerror = () => reject(new Error("the recorder failed"));
      recorder.stop();
    });
}

/** A recording with tags, and with its length, which recorders leave out. */
async function tagged(recording: Blob): Promise<Blob> {
  if (recording.type !== "video/webm") return marked(recording);
  const input = new Input({ source: new BlobSource(recording), formats: [WEBM] });
  const target = new BufferTarget();
  const format = new WebMOutputFormat();
  const conversion = await Conversion.init({ input, output: new Output({ format, target }), tags: TAGS });
  await conversion.execute();
  input.dispose();
  return new Blob([target.buffer!], { type: format.mimeType });
}
