/**
 * The service worker: keeps the page for when there is no network, and gives static hosts the headers without which
 * browsers grant WebAssembly one thread only.
 */

const TRIED = "bunraku-isolated";
/** Milliseconds that are waited for a worker; without one the page does as well, but slower, or not offline. */
const PATIENCE = 15_000;

/** Returns when the page may load the rest; may load the page anew once, and then never returns. */
export async function takeShelter(): Promise<void> {
  const { serviceWorker } = navigator;
  if (!serviceWorker || import.meta.env.DEV) return;
  const registered = serviceWorker.register("./sw.js").then(() => serviceWorker.ready);
  const ready = await Promise.race([registered.catch(() => undefined), pause(PATIENCE)]);
  if (!ready) return;
  if (!serviceWorker.controller) {
    await Promise.race([new Promise((resolve) => (serviceWorker.oncontrollerchange = resolve)), pause(PATIENCE)]);
  }
  // Inside another site's frame the headers alone do not isolate; hence once, and not until it works.
  if (!crossOriginIsolated && serviceWorker.controller && !sessionStorage.getItem(TRIED)) {
    sessionStorage.setItem(TRIED, "yes");
    location.reload();
    await new Promise(() => {});
  }
}

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}
