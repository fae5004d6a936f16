/** The canvas that shows the result, frame by frame. */
import words from "./shared/words.json";

/** Height of the label's letters, as a part of the side, and at least, in pixels. */
const LETTERS = 0.045;
const LEAST = 9;

export class Screen {
  private context: CanvasRenderingContext2D;
  private smaller?: OffscreenCanvas;
  /** Whether the label is written into the pictures. */
  label = false;

  constructor(readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
  }

  /** Pictures of `side` pixels from now on. */
  resize(side: number): void {
    this.canvas.width = this.canvas.height = side;
  }

  /** Show RGBA bytes of a square, enlarged where the canvas is. Whoever listens hears `frame` then. */
  show(rgba: Uint8ClampedArray<ArrayBuffer>): void {
    const picture = new ImageData(rgba, Math.sqrt(rgba.length / 4));
    const { width } = this.canvas;
    if (picture.width === width) this.context.putImageData(picture, 0, 0);
    else this.context.drawImage(this.aside(picture), 0, 0, width, width);
    if (this.label) this.write(words.LABEL_TEXT);
    this.canvas.dispatchEvent(new Event("frame", { bubbles: true }));
  }

  private aside(picture: ImageData): OffscreenCanvas {
    this.smaller ??= new OffscreenCanvas(picture.width, picture.height);
    Object.assign(this.smaller, { width: picture.width, height: picture.height });
    this.smaller.getContext("2d")!.putImageData(picture, 0, 0);
    return this.smaller;
  }

  private write(text: string): void {
    const { width, height } = this.canvas;
    const letters = Math.max(LEAST, Math.round(LETTERS * height));
    this.context.font = `${letters}px sans-serif`;
    const [across, down] = [this.context.measureText(text).width + letters, 2 * letters];
    this.context.fillStyle = "rgb(0 0 0 / 50%)";
    this.context.fillRect(width - across, height - down, across, down);
    this.context.fillStyle = "white";
    this.context.textBaseline = "middle";
    this.context.fillText(text, width - across + letters / 2, height - down / 2);
  }
}
