/** The face that a driver's motion counts from, of drivers who begin in the middle of a word: runtime/control/reference.py says why. */
import { LIPS, places, withArrays, withPlaces, type Motion } from "../motion";
import { smooth } from "../numbers";
import constants from "../shared/layers.json";
import { headFrame } from "./frames";
import { apart, JAW, shut } from "./lips";
import { named, pointsOf, type Names } from "./points";

const { DIFFERENT, BELIEVED, TOGETHER, PARTED, WITH_JAW, UPPER, LOWER } = constants.reference;

export class Lips {
  private apart: number;
  private least: number;
  private seen = 0;

  /** `reference`: the frame that motion counts from; `names`: numbers of its points. */
  constructor(
    private names: Names,
    private reference: Motion,
  ) {
    this.apart = this.least = this.gap(reference);
  }

  /** What the next frame, `driving`, counts from, where the source's mouth is open by `opening`. */
  next(driving: Motion, opening: number): Motion {
    if (driving.arrays[LIPS] && this.reference.arrays[LIPS]) return this.shut(opening); // they tell how far apart they are
    this.least = Math.min(this.least, this.gap(driving));
    const believed = 1 - smooth((this.seen++ - BELIEVED[0]) / (BELIEVED[1] - BELIEVED[0]));
    const by = Math.max(open(this.apart - this.least), believed * open(this.apart - TOGETHER));
    return this.closed(by - Math.max(opening, 0) / PARTED);
  }

  /** The reference with its lips apart by no more than `opening`. */
  private shut(opening: number): Motion {
    const lips = this.reference.arrays[LIPS];
    const by = apart(lips) - Math.max(opening, 0);
    if (by <= 0) return this.reference;
    return withArrays(this.closed(by / PARTED), { [LIPS]: Float32Array.from(shut(lips, by)) });
  }

  /** The reference, its mouth shut `by` so much. */
  private closed(by: number): Motion {
    if (by <= 0) return this.reference;
    const { names } = this;
    const points = Float32Array.from(places(this.reference));
    const [, x, , y] = headFrame(named(pointsOf(points), names)).linear;
    for (const name of [LOWER, ...WITH_JAW]) {
      if (!(name in names)) continue;
      const way = by * (name === LOWER ? 1 : JAW);
      points[2 * names[name]] -= way * x;
      points[2 * names[name] + 1] -= way * y;
    }
    return withPlaces(this.reference, points);
  }

  /** How far the lips' points are apart, in the head's own frame. */
  private gap(motion: Motion): number {
    const points = named(pointsOf(places(motion)), this.names);
    const own = headFrame(points).inverse();
    return own.at(points[LOWER])[1] - own.at(points[UPPER])[1];
  }
}

/** How far a mouth is open whose lips are apart by so much more than shut ones; what is small is noise. */
function open(beyond: number): number {
  const [low, high] = DIFFERENT;
  return Math.max(beyond, 0) * smooth((beyond - low) / (high - low));
}
