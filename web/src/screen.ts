/** The canvas that shows the result, frame by frame. */
import words from "./shared/words.json";

/** Height of the label's letters, as a part of the side, and at least, in pixels. */
const LETTERS = 0.045;
const LEAST = 9;

export class Screen {
  private context: CanvasRenderingContext2D;
  /** Whether the label is written into the pictures. */
  label = false;

  constructor(readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d", { willReadFrequently: true })!;
  }

  /** Pictures of `side` pixels from now on. */
  resize(side: number): void {
    this.canvas.width = this.canvas.height = side;
  }

  /** Show RGBA bytes of the canvas's size. Whoever listens hears `frame` then. */
  show(rgba: Uint8ClampedArray<ArrayBuffer>): void {
    this.context.putImageData(new ImageData(rgba, this.canvas.width), 0, 0);
    if (this.label) this.write(words.LABEL_TEXT);
    this.canvas.dispatchEvent(new Event("frame", { bubbles: true }));
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
