/** A driving video through a video element, frame by frame: for browsers, or codecs, without WebCodecs. */
import { PICTURE_RATE, type Driving } from "./driving";
import { VisitorError } from "./errors";

/** Longest video, in seconds, that is played so: its frames wait in memory until they are recorded. */
const LONGEST_SECONDS = 60;

/** Open `file`. Its frames are taken 25 times a second, and its sound is left out. */
export async function playedClip(file: File): Promise<Driving> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
  await happened(video, "loadeddata", `${file.name} is not a video that this browser can play; try an MP4 or WebM.`);
  const seconds = Math.min(video.duration, LONGEST_SECONDS);
  const total = Math.max(1, Math.floor(seconds * PICTURE_RATE));
  const at = async (time: number): Promise<ImageBitmap> => {
    if (Math.abs(video.currentTime - time) > 1e-3) {
      video.currentTime = time;
      await happened(video, "seeked", "The video breaks off; use another one.");
    }
    return createImageBitmap(video);
  };
  return {
    rate: PICTURE_RATE,
    total,
    samples: async () => {
      const times = Array.from({ length: Math.max(1, Math.floor(Math.min(seconds, 4) * 4)) }, (_, look) => look / 4);
      const found: ImageBitmap[] = [];
      for (const time of times) found.push(await at(time));
      return found;
    },
    async *shots() {
      for (let index = 0; index < total; index++) {
        // In the middle of the frame, where no rounding leads into its neighbour.
        yield { image: await at((index + 0.5) / PICTURE_RATE), at: index / PICTURE_RATE, lasts: 1 / PICTURE_RATE };
      }
    },
    close: () => {
      video.removeAttribute("src");
      URL.revokeObjectURL(address);
    },
  };
}

function happened(video: HTMLVideoElement, event: "loadeddata" | "seeked", failure: string): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, () => resolve(), { once: true });
    video.addEventListener("error", () => reject(new VisitorError(failure)), { once: true });
  });
}
