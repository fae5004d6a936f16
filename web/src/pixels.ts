/** The pixels of what a browser has decoded. */
import type { Picture } from "./picture";

let canvas: OffscreenCanvas | undefined;

/** The pixels of `image`, which is closed. What is transparent lies on white, as in the engine. */
export function readPixels(image: ImageBitmap): Picture {
  const { width, height } = image;
  if (canvas?.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  image.close();
  return { width, height, stride: 4, data: context.getImageData(0, 0, width, height).data };
}
