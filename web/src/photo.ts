/** A photo's file, as pixels for the model. */
import { VisitorError } from "./errors";
import { IN_SRGB } from "./driving";
import { MIN_SIDE } from "./picture";

/** Turned upright, in sRGB by its colour profile. Throws a `VisitorError` for what is no picture. */
export async function readPhoto(file: File): Promise<ImageBitmap> {
  const image = await createImageBitmap(file, { ...IN_SRGB, imageOrientation: "from-image" }).catch(() => undefined);
  if (!image) throw new VisitorError(`${file.name} is not a picture that can be read; use JPEG, PNG or WebP.`);
  if (Math.min(image.width, image.height) < MIN_SIDE) {
    throw new VisitorError(`${file.name} has ${image.width}x${image.height} pixels; at least 16x16 are needed.`);
  }
  return image;
}
