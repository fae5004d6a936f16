/** The worker: a stage behind messages, so that the page stays quick while the model works. */
import { toRgba } from "./picture";
import type { Answer, Order, Said } from "./orders";
import { readPixels } from "./pixels";
import { Stage } from "./stage";
import { VisitorError } from "./errors";

let stage: Stage | undefined;
/** Orders are carried out one after another, as they came: frames of a stream depend on the ones before. */
let last: Promise<unknown> = Promise.resolve();

async function carryOut(order: Order): Promise<Answer> {
  if (order.kind === "open") {
    stage = await Stage.open(order.places, order.fetched, order.threads);
    return stage.about;
  }
  if (!stage) throw new Error("the model is not open");
  switch (order.kind) {
    case "source":
      return stage.source(readPixels(order.image), order.crop);
    case "begin":
      return stage.begin(order.samples.map(readPixels), order.crop, order.settings, order.rate);
    case "adjust":
      return stage.adjust(order.settings);
    case "rest":
      return stage.rest();
    case "resize":
      return stage.resize(order.side);
    case "see":
      return stage.see(readPixels(order.image));
    case "meet":
      return stage.meet(readPixels(order.image), order.motion);
    case "follow":
      return stage.follow(order.motion);
    case "show":
      return toRgba(await stage.show(order.motion));
  }
}

function say(said: Said): void {
  const moved = said.kind === "done" && said.answer instanceof Uint8ClampedArray ? [said.answer.buffer] : [];
  postMessage(said, { transfer: moved });
}

self.onmessage = ({ data }: MessageEvent<{ id: number; order: Order }>) => {
  const { id, order } = data;
  last = last
    .then(() => carryOut(order))
    .then((answer) => say({ kind: "done", id, answer }))
    .catch((error: unknown) => {
      if (!(error instanceof VisitorError)) console.error(error);
      const message = error instanceof VisitorError ? error.message : "";
      say({ kind: "failed", id, message });
    });
};
