// Names and states that screen readers need and Gradio's components leave out, thumbnails that move, and sharing.
// `repair` is idempotent: it runs again whenever the page changes, and writes only what is not yet so.
() => {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const play = (video) => {
    if (video.dataset.thumbnail) return;
    video.dataset.thumbnail = "yes";
    video.muted = video.loop = video.playsInline = true;
    if (!still.matches) video.play().catch(() => {});
  };
  const clipName = (item) => {
    const source = item.querySelector("video, img")?.getAttribute("src") ?? "";
    return decodeURIComponent(source.split("/").pop().replace(/\.\w+$/, "")).replace(/-/g, " ");
  };
  const repair = () => {
    for (const spoken of document.querySelectorAll(".spoken")) set(spoken, "aria-live", "polite");
    for (const empty of document.querySelectorAll(".block .empty")) {
      set(empty, "role", "img");
      set(empty, "aria-label", "Nothing here yet");
    }
    for (const upload of document.querySelectorAll("button.upload-container, .block > button.center")) {
      const label = upload.closest(".block")?.querySelector("[data-testid=block-label]")?.innerText.trim();
      if (label) set(upload, "aria-label", `${label}: ${upload.innerText.replace(/\s+/g, " ").trim()}`);
    }
    for (const item of document.querySelectorAll(".gallery-item")) {
      const label = item.closest(".column")?.querySelector("[data-testid=block-label]")?.innerText.trim() ?? "";
      set(item, "aria-label", `Example for ${label}: ${clipName(item)}`);
      item.querySelectorAll("video").forEach(play);
    }
    for (const fold of document.querySelectorAll(".fold > button"))
      set(fold, "aria-expanded", String(fold.nextElementSibling?.style.display !== "none"));
    for (const icon of document.querySelectorAll("footer img")) set(icon, "alt", "");
    const share = document.getElementById("share");
    if (share && !navigator.canShare) share.hidden = true; // the download beside it does for all others
  };
  window.bunrakuShare = async () => {
    const url = document.querySelector("#result video[src], #moving-picture img[src]")?.src;
    if (!url) return;
    const blob = await (await fetch(url)).blob();
    const file = new File([blob], url.split("/").pop(), { type: blob.type });
    if (navigator.canShare?.({ files: [file] })) await navigator.share({ files: [file] }).catch(() => {});
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
