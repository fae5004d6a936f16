// Names and states that screen readers need and Gradio's components leave out, thumbnails that move, and sharing.
// `repair` is idempotent: it runs again whenever the page changes, and writes only what is not yet so.
() => {
  const words = {/* words */};
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
      const said = getComputedStyle(empty, "::after").content.replace(/^"|"$/g, "");
      set(empty, "aria-label", said && said !== "none" ? said : words.nothing);
    }
    for (const upload of document.querySelectorAll("button.upload-container, .block > button.center")) {
      const label = upload.closest(".block")?.querySelector("[data-testid=block-label]")?.innerText.trim();
      const said = upload.innerText.replace(/\s+/g, " ").trim();
      if (label) set(upload, "aria-label", `${label}: ${said}`);
    }
    for (const item of document.querySelectorAll(".gallery-item")) {
      const label = item.closest(".column")?.querySelector("[data-testid=block-label]")?.innerText.trim() ?? "";
      set(item, "aria-label", `${words.example} ${label}: ${clipName(item)}`);
      set(item, "data-name", clipName(item).replace(/^movement /, ""));
      item.querySelectorAll("video").forEach(play);
    }
    for (const cell of document.querySelectorAll("#examples-figure td:first-child")) {
      const [name] = (cell.querySelector("img")?.src ?? "").split("/").at(-1).split(".");
      set(cell, "aria-label", `${words.example} ${name.replace(/-/g, " ")}`);
    }
    for (const fold of document.querySelectorAll(".fold > button"))
      set(fold, "aria-expanded", String(fold.nextElementSibling?.style.display !== "none"));
    // Gradio's camera "records", even where nothing is kept.
    for (const start of document.querySelectorAll("#camera .button-wrap .icon-with-text")) {
      const text = [...start.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (text && text.data.trim() === "Record") text.data = ` ${words.start}`;
    }
    // What the server reads although this browser cannot play it is no error; what it cannot read it says itself.
    for (const toast of document.querySelectorAll(".toast-body"))
      if (toast.innerText.includes("Video not playable")) {
        toast.style.display = "none"; // at once: closed, it fades
        toast.querySelector(".toast-close")?.click();
      }
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
  // What was wrong was said; with the next click something else begins.
  document.addEventListener(
    "click",
    (event) => {
      if (!event.isTrusted || event.target.closest(".fault, .toast-wrap")) return;
      for (const fault of document.querySelectorAll(".fault")) fault.classList.add("gone");
      for (const close of document.querySelectorAll(".toast-body.error .toast-close")) close.click();
    },
    true,
  );
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
