// Names and states that screen readers need and Gradio's components leave out. Idempotent: it runs again whenever
// the page changes, and writes only what is not yet so.
() => {
  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const repair = () => {
    set(document.getElementById("caption"), "aria-live", "polite");
    for (const empty of document.querySelectorAll("#result .empty")) set(empty, "role", "img");
    for (const id of ["photo", "clip"]) {
      const block = document.getElementById(id);
      const label = block?.querySelector("[data-testid=block-label]")?.innerText.trim();
      const upload = block?.querySelector("button.upload-container");
      if (upload) set(upload, "aria-label", `${label}: ${upload.innerText.replace(/\s+/g, " ").trim()}`);
      for (const item of block?.parentElement.querySelectorAll(".gallery-item") ?? [])
        set(item, "aria-label", `Example for ${label}`);
    }
    for (const fold of document.querySelectorAll("#more > button"))
      set(fold, "aria-expanded", String(fold.nextElementSibling?.style.display !== "none"));
    for (const icon of document.querySelectorAll("footer img")) set(icon, "alt", "");
  };
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      repair();
    });
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributeFilter: ["style"] });
  repair();
}
