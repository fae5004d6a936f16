/**
 * What a turn alone does to where things of a face are seen in the head's own frame, which is flat: runtime/layers/turn.py
 * says why that is no expression.
 */
import { smooth } from "../numbers";
import constants from "../shared/layers.json";
import { headFrame, minus, type Affine, type Named, type Point } from "./frames";
import { Head, type Camera } from "./solid";

const { FAR, NOTHING } = constants.turn;

/** Of one face between two moments. */
export class Turn {
  private camera: Camera;
  private from: Affine;
  private to: Affine;
  private depths: ReadonlyMap<string, number>;

  /** Named points, each moment's in a picture of its own. */
  constructor(now: Named, rest: Named) {
    const head = new Head(rest);
    this.camera = head.moved(now, false);
    this.from = headFrame(rest);
    this.to = headFrame(now).inverse();
    this.depths = new Map(head.names.map((name, k) => [name, head.depths[k]]));
  }

  /** By how much the turn moves a `place` at rest, as deep as the point with that `name`; all in the head's own frame. */
  way(place: Point, name: string): Point {
    const [x, y] = this.from.at(place);
    const [right, down] = minus(this.to.at(this.camera.at([x, y, this.depths.get(name)!])), place);
    const known = (way: number): number => (Math.abs(way) < NOTHING ? 0 : way); // at rest nothing at all moves
    return [known(right), known(down)];
  }

  /** From 0 to 1: how little a mouth may move aside as a whole. `chin`: its place at rest, in that frame. */
  sideways(chin: Point): number {
    return smooth(Math.abs(this.way(chin, "mouth.chin")[0]) / FAR);
  }
}
