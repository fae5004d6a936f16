/** Less jitter in a stream of motions: the One-Euro filter of runtime/motion/smoothing.py. */
import type { Motion } from "./motion";

const SPEED_CUTOFF = 1;
const SPEED_GAIN = 4;

/** Filters motions frame by frame. `smoothing` in [0, 1], 0 is off; `rate` in frames a second. */
export class OneEuro {
  private points?: Channel;
  private jacobians?: Channel;
  private eyes?: Channel;

  constructor(
    readonly smoothing: number,
    readonly rate: number,
  ) {}

  /** The next frame begins a new stream. */
  reset(): void {
    this.points = this.jacobians = this.eyes = undefined;
  }

  step(motion: Motion): Motion {
    if (this.smoothing === 0) return motion;
    const cutoff = 0.5 / this.smoothing;
    this.points ??= new Channel(motion.points, 2);
    const smoothed: Motion = { ...motion, points: this.points.step(motion.points, cutoff, this.rate) };
    if (motion.jacobians) {
      this.jacobians ??= new Channel(motion.jacobians, 4);
      smoothed.jacobians = this.jacobians.step(motion.jacobians, cutoff, this.rate);
    }
    if (motion.eyes) {
      this.eyes ??= new Channel(motion.eyes, 3);
      smoothed.eyes = this.eyes.step(motion.eyes, cutoff, this.rate);
    }
    return smoothed;
  }
}

/** State of the filter for one array of vectors of `length` numbers, each of which has a speed of its own. */
class Channel {
  private value: Float64Array;
  private speed: Float64Array;

  constructor(
    first: Float32Array,
    private length: number,
  ) {
    this.value = Float64Array.from(first);
    this.speed = new Float64Array(first.length);
  }

  step(frame: Float32Array, cutoff: number, rate: number): Float32Array {
    const settle = weight(SPEED_CUTOFF, rate);
    for (let at = 0; at < frame.length; at += this.length) {
      let squares = 0;
      for (let k = at; k < at + this.length; k++) {
        this.speed[k] += settle * ((frame[k] - this.value[k]) * rate - this.speed[k]);
        squares += this.speed[k] ** 2;
      }
      const follow = weight(cutoff + SPEED_GAIN * Math.sqrt(squares), rate);
      for (let k = at; k < at + this.length; k++) this.value[k] += follow * (frame[k] - this.value[k]);
    }
    return Float32Array.from(this.value);
  }
}

/** Weight of the newest value in an exponential filter of that cut-off (Hz) at that rate (1/s). */
function weight(cutoff: number, rate: number): number {
  const turn = (2 * Math.PI * cutoff) / rate;
  return turn / (turn + 1);
}
