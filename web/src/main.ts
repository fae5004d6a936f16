/** The page: words first, then the model, then the two tabs come to life. */
import { AnimatePanel } from "./animate-panel";
import { by, fillIn } from "./dom";
import type { Backend } from "./graphs";
import { LivePanel } from "./live-panel";
import { places } from "./places";
import { fetchSamples } from "./samples";
import { takeShelter } from "./shelter";
import { connectTabs } from "./tabs";
import { tell } from "./trouble";
import { Troupe } from "./troupe";
import { engineNote, loading, words } from "./words";

/** `?backend=wasm` or `?backend=webgpu`, for whoever wants to compare. */
function preferred(): Backend | undefined {
  const wanted = new URLSearchParams(location.search).get("backend");
  return wanted === "wasm" || wanted === "webgpu" ? wanted : undefined;
}

async function open(): Promise<void> {
  const [line, bar] = [by("loading"), by<HTMLProgressElement>("loaded")];
  line.textContent = `${words.LOADING} …`;
  try {
    await takeShelter();
    const troupe = new Troupe(() => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
    const samples = await fetchSamples();
    const [animate, live] = [new AnimatePanel(troupe, samples), new LivePanel(troupe, samples)];
    connectTabs(document.querySelector("[role=tablist]")!, (panel) => {
      if (panel !== "live") live.stop();
      if (panel !== "animate") animate.stop();
    });
    const progress = (done: number, total: number): void => {
      line.textContent = loading(done, total);
      bar.value = done / total;
    };
    const about = await troupe.open(places(), progress, preferred());
    animate.ready(about);
    live.ready(about);
    by("engine").textContent = engineNote(about.backend, about.threads);
    line.textContent = words.LOADED;
  } catch (error) {
    line.textContent = tell(error);
  }
  bar.hidden = true;
}

fillIn(words);
void open();
