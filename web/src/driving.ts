/** What drives: a video by WebCodecs, a video by the browser's player, or pictures; as upright frames with times. */
import {
  BlobSource,
  Input,
  MATROSKA,
  MP4,
  QTFF,
  VideoSampleSink,
  WEBM,
  type InputVideoTrack,
  type VideoSample,
} from "mediabunny";
import { VisitorError } from "./errors";
import { playedClip } from "./player";
import { openSound, type Sound } from "./sound";

/** One frame. The bitmap is the receiver's to close. */
export interface Shot {
  image: ImageBitmap;
  /** Seconds from the first frame on, and how long it stays. */
  at: number;
  lasts: number;
}

export interface Driving {
  /** Frames a second, on average. */
  rate: number;
  /** How many frames there will be, about. */
  total: number;
  /** A few frames of its beginning, all of one size, for framing. */
  samples(): Promise<ImageBitmap[]>;
  /** All frames in order. May be called once. */
  shots(): AsyncIterable<Shot>;
  sound?: Sound;
  close(): void;
}

/** Frames a second of driving pictures, which have none of their own. */
export const PICTURE_RATE = 25;
/** Frames a second, and seconds, of a video's beginning that are looked at to frame it. */
const LOOKS = { rate: 4, seconds: 4 };
/** Longer side, in pixels, of frames of which only a square is needed. */
const LONGEST = 1280;
/**
 * Colour profiles are applied: canvases and bitmaps are sRGB, whatever the screen shows, and what is sRGB already keeps its
 * bytes. Transparency shall not change them.
 */
export const IN_SRGB: ImageBitmapOptions = { colorSpaceConversion: "default", premultiplyAlpha: "none" };

/** Open a video, or several pictures in the order of their names. Throws a `VisitorError` for what cannot be read. */
export async function openDriving(files: File[]): Promise<Driving> {
  const pictures = files.filter((file) => file.type.startsWith("image/"));
  if (pictures.length) return pictureShow(pictures);
  if (typeof VideoDecoder === "undefined") return playedClip(files[0]);
  return (await decodedClip(files[0])) ?? playedClip(files[0]);
}

function pictureShow(files: File[]): Driving {
  const names = new Intl.Collator("en", { numeric: true });
  const ordered = [...files].sort((one, other) => names.compare(one.name, other.name));
  const read = (file: File): Promise<ImageBitmap> =>
    createImageBitmap(file, IN_SRGB).catch(() => {
      throw new VisitorError(`${file.name} is not a picture that can be read; use JPEG, PNG or WebP.`);
    });
  return {
    rate: PICTURE_RATE,
    total: ordered.length,
    samples: async () => [await read(ordered[0])],
    async *shots() {
      for (const [index, file] of ordered.entries()) {
        yield { image: await read(file), at: index / PICTURE_RATE, lasts: 1 / PICTURE_RATE };
      }
    },
    close: () => {},
  };
}

/** The video through WebCodecs; nothing where this browser cannot decode it so. */
async function decodedClip(file: File): Promise<Driving | undefined> {
  const input = new Input({ source: new BlobSource(file), formats: [MP4, QTFF, MATROSKA, WEBM] });
  const track = await input.getPrimaryVideoTrack().catch(() => null);
  if (!track || !(await track.canDecode().catch(() => false))) {
    input.dispose();
    return undefined;
  }
  const first = await track.getFirstTimestamp();
  const seconds = (await track.computeDuration()) - first;
  const { averagePacketRate, packetCount } = await track.computePacketStats();
  return {
    rate: averagePacketRate,
    total: packetCount,
    samples: () => samplesOf(track, first, seconds),
    shots: () => shotsOf(track, first),
    sound: await openSound(input, first),
    close: () => input.dispose(),
  };
}

async function samplesOf(track: InputVideoTrack, first: number, seconds: number): Promise<ImageBitmap[]> {
  const count = Math.max(1, Math.floor(Math.min(seconds, LOOKS.seconds) * LOOKS.rate));
  const times = Array.from({ length: count }, (_, index) => first + index / LOOKS.rate);
  const found: ImageBitmap[] = [];
  for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
    if (sample) found.push(upright(sample));
  }
  if (!found.length) throw new VisitorError("The video holds no pictures; use another one.");
  return found;
}

async function* shotsOf(track: InputVideoTrack, first: number): AsyncGenerator<Shot> {
  for await (const sample of new VideoSampleSink(track).samples()) {
    const { timestamp, duration } = sample;
    yield { image: upright(sample), at: Math.max(0, timestamp - first), lasts: duration };
  }
}

/** The frame as it is to be seen, no larger than needed. */
function upright(sample: VideoSample): ImageBitmap {
  const { displayWidth, displayHeight } = sample;
  const factor = Math.min(1, LONGEST / Math.max(displayWidth, displayHeight));
  const [width, height] = [displayWidth, displayHeight].map((side) => Math.max(1, Math.round(side * factor)));
  const canvas = new OffscreenCanvas(width, height);
  sample.draw(canvas.getContext("2d")!, 0, 0, width, height);
  sample.close();
  return canvas.transferToImageBitmap();
}
