/**
 * How large the live picture is where that is left to the page: the model's own size where the machine keeps up, else a smaller
 * one, which comes more often.
 */

/** Frames a second below which it becomes smaller, and those to be expected before it becomes larger again. */
const LEAST = 10;
const ENOUGH = 13;
/** Seconds over which a rate is measured. */
const MEASURED = 3;
/** How many times as many frames the smaller size brings, until that was measured. */
const GAIN = 2;
/** Seconds in the smaller size before the larger one is tried; after every try that fails twice as many, up to the most. */
const WAIT = 10;
const LONGEST_WAIT = 160;

export class Pace {
  /** The size that is in force, in pixels along the side. */
  side: number;
  private readonly largest: number;
  private readonly smallest: number;
  private begun?: number;
  private frames = 0;
  /** When the size changed last. */
  private since = 0;
  private wait = WAIT;
  /** What the larger size brought when it was left. */
  private before?: number;
  private gain?: number;

  /** `sizes`: those that there are, the largest first. */
  constructor(sizes: readonly number[]) {
    this.side = this.largest = sizes[0];
    this.smallest = sizes.at(-1)!;
  }

  /** A frame was shown at `now`, in milliseconds. Whether the size is another one from now on. */
  shown(now: number): boolean {
    if (this.begun === undefined) {
      this.begun = now;
      return false;
    }
    this.frames++;
    const seconds = (now - this.begun) / 1000;
    if (seconds < MEASURED) return false;
    const rate = this.frames / seconds;
    this.begun = now;
    this.frames = 0;
    const change = this.side === this.smallest ? this.mayGrow(rate, now) : rate < LEAST;
    if (change) this.change(rate, now);
    return change;
  }

  /** Nothing is shown for a while: what was measured before that says nothing of what comes after it. */
  rest(): void {
    this.begun = undefined;
    this.frames = 0;
  }

  private mayGrow(rate: number, now: number): boolean {
    if (this.smallest === this.largest) return false;
    this.gain ??= Math.max(1, this.before ? rate / this.before : GAIN);
    return now - this.since >= 1000 * this.wait && rate / this.gain >= ENOUGH;
  }

  private change(rate: number, now: number): void {
    if (this.side === this.largest) {
      if (this.before !== undefined) this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
      this.before = rate;
      this.gain = undefined;
    }
    this.side = this.side === this.largest ? this.smallest : this.largest;
    this.since = now;
    this.rest();
  }
}
