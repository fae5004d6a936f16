/** A photo's file, as pixels for the model. */
import { VisitorError } from "./errors";
import { MIN_SIDE } from "./picture";

/** Turned upright, its pixels as they are stored. Throws a `VisitorError` for what is no picture. */
export async function readPhoto(file: File): Promise<ImageBitmap> {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" } as const;
  const image = await createImageBitmap(file, options).catch(() => undefined);
  if (!image) throw new VisitorError(`${file.name} is not a picture that can be read; use JPEG, PNG or WebP.`);
  if (Math.min(image.width, image.height) < MIN_SIDE) {
    throw new VisitorError(`${file.name} has ${image.width}x${image.height} pixels; at least 16x16 are needed.`);
  }
  return image;
}
