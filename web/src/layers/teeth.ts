/** Teeth that a mouth would show if its lips parted, painted once a source by a small network: runtime/layers/teeth.py. */
import { clamp, roundHalfEven } from "../numbers";
import constants from "../shared/layers.json";
import { Affine, minus, times, type Point } from "./frames";
import { CHANNELS, Line, Patch } from "./shutters";

const { SCALE, FINER, ROW, LUMA, PARTED, MOST, GREY, FRONT, APART, CRISPER, BETWEEN } = constants.teeth;
export const { SIDE } = constants.teeth;

/**
 * Of a mouth (3, SIDE, SIDE) in [0, 1] and where its lips are parted (SIDE, SIDE), the layer (n, n, CHANNELS),
 * n = FINER SIDE: colours up to 255, and how much of them there is.
 */
export type MouthNetwork = (mouth: Float32Array, own: Float32Array) => Promise<Float32Array>;

export class Teeth {
  /** How far down the front ones go from the inner edge of the upper lip of a smile. */
  readonly length: number;
  private line: Line;

  private constructor(
    private place: Patch,
    private layer: Float32Array,
  ) {
    const side = SIDE * FINER;
    // What is painted farther down, beyond where teeth end, are cheeks.
    const down = Array.from({ length: side }, (_, column) => {
      let [share, total] = [Infinity, 0];
      for (let row = ROW * FINER; row < side; row++) {
        share = Math.min(share, layer[(row * side + column) * CHANNELS + 3]);
        total += share;
      }
      return total / (SCALE * FINER);
    });
    const front = down.slice((SIDE / 2 - FRONT) * FINER, (SIDE / 2 + FRONT) * FINER);
    this.length = front.reduce((sum, value) => sum + value, 0) / front.length;
    const beside = down.map((value) => clamp(value / Math.max(this.length, 1e-3), 0, 1));
    const weights = gauss(side, APART[1]);
    this.line = new Line(
      beside.map((_, about): Point => {
        let [total, all] = [0, 0];
        for (let k = 0; k < side; k++) {
          const weight = weights[Math.abs(k - about)];
          total += weight * beside[k];
          all += weight;
        }
        return [place.x[about], total / all];
      }),
    );
  }

  /** How far down those at `x` go, of how far the front ones do. */
  beside(x: number): number {
    return this.line.height(x);
  }

  /** `upper` and `lower`: the lips' inner edges in the frame of `patch`, which looks at `picture`. */
  static async of(
    patch: Patch,
    upper: Point[],
    lower: Point[],
    picture: Float32Array,
    network: MouthNetwork,
  ): Promise<Teeth> {
    const middle: Point = [(upper[0][0] + upper[upper.length - 1][0]) / 2, upper[upper.length >> 1][1]];
    const view = square(middle, 1);
    const [above, below] = [new Line(upper), new Line(lower)];
    const own = view.x.map((x, k) => {
      const [top, bottom] = [above.height(x), below.height(x)];
      if ((bottom - top) * SCALE <= PARTED) return 0;
      return clamp(Math.min(view.y[k] - top, bottom - view.y[k]) * SCALE + 0.5, 0, 1);
    });
    const mouth = seen(patch, view, picture);
    const layer = Float32Array.from(await network(mouth, own));
    const share = Math.min(chroma(mouth) / GREY, 1);
    const light = new Float32Array(layer.length / CHANNELS);
    for (let at = 0; at < layer.length; at += CHANNELS) {
      const grey = LUMA[0] * layer[at] + LUMA[1] * layer[at + 1] + LUMA[2] * layer[at + 2];
      for (let channel = 0; channel < 3; channel++) layer[at + channel] = grey + share * (layer[at + channel] - grey);
      light[at / CHANNELS] = grey;
    }
    part(layer, light);
    return new Teeth(square(middle, FINER), layer);
  }

  /** Colours up to 255, and how much of them there is, at the place (x, y) of the source. */
  look(x: number, y: number, to: Float64Array): void {
    this.place.look(this.layer, x, y, to, 0);
  }
}

/** Makes what parts one tooth from the next seen in a `layer` of that `light`: the network paints it faintly. */
function part(layer: Float32Array, light: Float32Array): void {
  const side = SIDE * FINER;
  const [near, wide] = APART.map((width) => gauss(side, width));
  for (let row = 0; row < light.length; row += side) {
    const share = Array.from({ length: side }, (_, k) => layer[(row + k) * CHANNELS + 3]);
    const mean = (about: number, weights: number[]): number => {
      let [total, all] = [0, 0];
      for (let k = 0; k < side; k++) {
        const weight = weights[Math.abs(k - about)] * share[k];
        total += weight * light[row + k];
        all += weight;
      }
      return (total + 1) / (all + 1e-3);
    };
    for (let k = 0; k < side; k++) {
      const by = clamp(1 + CRISPER * (mean(k, near) / mean(k, wide) - 1), BETWEEN[0], BETWEEN[1]);
      for (let channel = 0, at = (row + k) * CHANNELS; channel < 3; channel++, at++) layer[at] = Math.min(layer[at] * by, 255);
    }
  }
}

/** Gauss' function at so many distances from 0 on. */
function gauss(count: number, width: number): number[] {
  return Array.from({ length: count }, (_, k) => Math.exp(-((k / width) ** 2) / 2));
}

/** The square about `middle` that is painted, of `finer` pixels for each that the network sees. */
function square(middle: Point, finer: number): Patch {
  const scale = SCALE * finer;
  const half = 0.5 / finer - 0.5;
  const first = minus(middle, [((SIDE - 1) / 2 + half) / SCALE, (ROW + half) / SCALE]);
  const reach = (SIDE * finer - 1) / scale;
  const frame = new Affine([scale, 0, 0, scale], times(-scale, first));
  return new Patch(frame, first, [first[0] + reach, first[1] + reach], SIDE * finer);
}

/** (3, SIDE, SIDE) in [0, 1]: the mean of what `picture` shows within each pixel of `view`. */
function seen(patch: Patch, view: Patch, picture: Float32Array): Float32Array {
  const count = clamp(roundHalfEven(patch.unit / SCALE), 1, MOST);
  const steps = Array.from({ length: count }, (_, k) => ((k + 0.5) / count - 0.5) / SCALE);
  const area = SIDE * SIDE;
  const [result, colour] = [new Float32Array(3 * area), new Float32Array(CHANNELS)];
  for (let k = 0; k < area; k++) {
    for (const down of steps) {
      for (const across of steps) {
        patch.look(picture, view.x[k] + across, view.y[k] + down, colour, 0);
        for (let channel = 0; channel < 3; channel++) result[channel * area + k] += colour[channel];
      }
    }
  }
  return result.map((value) => clamp(value / (255 * count * count), 0, 1));
}

/** Mean difference of the strongest and the weakest colour of the pixels of `mouth`, planes of three colours. */
function chroma(mouth: Float32Array): number {
  const area = mouth.length / 3;
  let total = 0;
  for (let k = 0; k < area; k++) {
    const colours = [mouth[k], mouth[area + k], mouth[2 * area + k]];
    total += Math.max(...colours) - Math.min(...colours);
  }
  return total / area;
}
