/** What the page says: the words of the page with a server (demo/words.py), and those that only this one needs. */
import shared from "./shared/words.json";

export const words = {
  ...shared,
  PHOTO_EMPTY: "Drop a picture here, paste one, or click to choose",
  CLIP_EMPTY: "Drop a video here, or click to choose",
  PHOTO_PREVIEW: "The photo that you chose",
  CLIP_PREVIEW: "The video that you chose",
  RESULT_EMPTY: "Nothing here yet",
  LOADING: "Getting the model ready",
  LOADED: "Ready.",
  PRIVACY:
    "Your photo and video never leave this computer: this page does all of the work itself, and once it has been " +
    "opened it needs no network any more.",
  CONSENT:
    "Only animate people who have agreed to it, and never to deceive. Every result says, in the file itself, that it " +
    "was made by AI.",
  NO_FACE: "No face was found in the picture",
  NO_DRIVING_FACE: "No face was found in the driving video",
  MIDDLE_TAKEN: "its middle is taken.",
  FRONT_TAKEN: "what stands in front is taken.",
  POINTS_TAKEN: "what the model's own points mark is taken.",
  LIVE_HELP:
    "Your webcam moves the photo, right away. Look straight ahead when you start; what it sees stays on this computer.",
  CAMERA_ON: "Use my webcam",
  CAMERA_OFF: "Switch the webcam off",
  SIZE: "Size of the live picture",
  SIZE_HINT: "In pixels along the side. The smaller one comes more often.",
  SIZE_AUTO: "As this machine keeps up",
  RECORD: "Record",
  RECORD_STOP: "Stop recording",
  FAULT: "Something went wrong; reload the page.",
};

/** The sentence while the model comes. */
export function loading(done: number, total: number): string {
  const [now, all] = [done, total].map((bytes) => (bytes / 1e6).toFixed(1));
  return done < total ? `${words.LOADING}: ${now} of ${all} MB` : `${words.LOADING} …`;
}

/** The sentence under a finished film. */
export function done(frames: number, seconds: number, took: number): string {
  return `${frames} frames, ${seconds.toFixed(1)} seconds of video, made in ${Math.max(took, 0.1).toFixed(1)} seconds.`;
}

/** The sentence while frames are made. */
export function working(frames: number, total: number, seconds: number): string {
  const left = Math.round(((total - frames) * seconds) / Math.max(frames, 1));
  return `${words.WORKING}: ${frames} of ${total}, ${left} seconds to go`;
}

/** The sentences under a live picture of `side` pixels that took `seconds`, with `rate` of them a second lately. */
export function liveSpeed(rate: number | undefined, seconds: number, side: number): string {
  if (rate === undefined) return words.LIVE_FIRST;
  const speed = words.LIVE_SPEED.replace("{rate:.1f}", rate.toFixed(1)).replace(
    "{milliseconds:.0f}",
    (1000 * seconds).toFixed(0),
  );
  return `${speed} The picture has ${side} × ${side} pixels.`;
}

/** What this machine runs the model with. */
export function engineNote(backend: "webgpu" | "wasm", threads: number): string {
  if (backend === "webgpu") return "Runs on your GPU (WebGPU).";
  return `Runs on your processor (WebAssembly, ${threads} ${threads === 1 ? "thread" : "threads"}).`;
}
