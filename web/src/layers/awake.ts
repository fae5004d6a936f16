/** What eyes count from of a driver who begins with shut ones: runtime/control/awake.py says why. */
import { EYES, withArrays, type Motion } from "../motion";
import { smooth } from "../numbers";
import constants from "../shared/layers.json";

const { ASLEEP, USUAL, WATCHED } = constants.awake;
const EACH = 3; // numbers that tell of an eye, its opening first

export class Awakening {
  private eyes?: Float32Array;
  private seen = 0;

  /** `reference`: the frame that motion counts from. */
  constructor(reference: Motion) {
    const eyes = reference.arrays[EYES];
    if (eyes && open(eyes) < ASLEEP) this.eyes = eyes;
  }

  /** What the next frame, `driving`, counts from: the `reference`, with other eyes if its own are shut. */
  next(driving: Motion, reference: Motion): Motion {
    const eyes = driving.arrays[EYES];
    if (!this.eyes || !eyes) return reference;
    if (this.seen < WATCHED && open(eyes) > open(this.eyes)) this.eyes = eyes;
    if (this.seen < WATCHED && open(this.eyes) >= ASLEEP) this.seen++;
    // Until it is known how far they open, as most people's do.
    const least = USUAL * (1 - smooth(this.seen / WATCHED));
    return withArrays(reference, { [EYES]: this.eyes.map((each, at) => (at % EACH ? each : Math.max(each, least))) });
  }
}

/** How far both eyes are open, on average. */
function open(eyes: Float32Array): number {
  return (eyes[0] + eyes[EACH]) / 2;
}
