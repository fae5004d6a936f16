/** Less jitter in a stream of motions: the One-Euro filter of runtime/motion/smoothing.py. */
import { kindOf, vectorOf, type Parameter } from "./kinds";
import { withArrays, type Motion } from "./motion";
import constants from "./shared/motion.json";

const { SPEED_CUTOFF, SPEED_GAIN } = constants;

/** Filters motions frame by frame. `smoothing` in [0, 1], 0 is off; `rate` in frames a second. */
export class OneEuro {
  private channels = new Map<string, Channel>();

  constructor(
    readonly smoothing: number,
    readonly rate: number,
  ) {}

  /** The next frame begins a new stream. */
  reset(): void {
    this.channels.clear();
  }

  step(motion: Motion): Motion {
    if (this.smoothing === 0) return motion;
    const smoothed: Record<string, Float32Array> = {};
    for (const [name, values] of Object.entries(motion.arrays)) {
      const what = motion.parameters[name];
      const length = vectorOf(what);
      if (length === undefined) continue;
      const channel = this.channels.get(name) ?? new Channel(values, length, what);
      this.channels.set(name, channel);
      const found = channel.step(values, 0.5 / this.smoothing, this.rate);
      smoothed[name] = kindOf(what).mended?.(found) ?? found;
    }
    return withArrays(motion, smoothed);
  }
}

/** State of the filter for one array of vectors of `length` numbers, each of which has a speed of its own. */
class Channel {
  private value: Float64Array;
  private speed: Float64Array;
  private unit: (index: number) => number;

  constructor(
    first: Float32Array,
    private length: number,
    what: Parameter,
  ) {
    this.value = Float64Array.from(first);
    this.speed = new Float64Array(first.length);
    this.unit = (index) => kindOf(what).unit(what, index);
  }

  step(frame: Float32Array, cutoff: number, rate: number): Float32Array {
    const settle = weight(SPEED_CUTOFF, rate);
    for (let at = 0; at < frame.length; at += this.length) {
      let squares = 0;
      for (let k = at; k < at + this.length; k++) {
        this.speed[k] += settle * ((frame[k] - this.value[k]) * rate - this.speed[k]);
        squares += (this.speed[k] * this.unit(k)) ** 2;
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
