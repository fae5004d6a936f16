/** The fields of fine tuning, and what they say. */
import type { Settings } from "./animator";
import type { Mode } from "./motion";

export interface Choice {
  name: string;
  title: string;
  hint?: string;
  options: Record<string, string>;
}

export interface Range {
  name: string;
  title: string;
  hint: string;
  most: number;
  value: number;
}

/** Radio buttons, the first of which is chosen. */
export function radios({ name, title, hint, options }: Choice): HTMLElement {
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = title;
  group.append(legend);
  if (hint) group.append(small(hint));
  Object.entries(options).forEach(([value, text], index) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value, checked: index === 0 });
    group.append(labelled(input, text));
  });
  return group;
}

/** A slider from 0 on, with its value beside it. */
export function slider({ name, title, hint, most, value }: Range): HTMLElement {
  const box = document.createElement("div");
  const input = document.createElement("input");
  Object.assign(input, { type: "range", name, min: "0", max: String(most), step: "0.05", value: String(value) });
  const shown = document.createElement("output");
  const show = (): string => (shown.textContent = Number(input.value).toFixed(2));
  input.addEventListener("input", show);
  show();
  const label = labelled(input, title);
  label.className = "slider";
  label.prepend(label.lastChild!);
  label.append(shown);
  box.append(label, small(hint));
  return box;
}

export function checkbox(name: string, text: string, checked: boolean): HTMLElement {
  return labelled(Object.assign(document.createElement("input"), { type: "checkbox", name, checked }), text);
}

function labelled(input: HTMLInputElement, text: string): HTMLLabelElement {
  const label = document.createElement("label");
  const span = document.createElement("span");
  span.textContent = text;
  label.append(input, span);
  return label;
}

function small(text: string): HTMLElement {
  const hint = document.createElement("small");
  hint.textContent = text;
  return hint;
}

/** The size in pixels that is held; none where that is left to the page, or there is but one. */
export function heldSize(form: HTMLFormElement): number | undefined {
  return parseInt(String(new FormData(form).get("size"))) || undefined;
}

/** The settings that the fields in `form` say; those that it does not have are the usual ones. */
export function settingsOf(form: HTMLFormElement): Settings {
  const data = new FormData(form);
  return {
    mode: (data.get("mode") ?? "relative") as Mode,
    strength: Number(data.get("strength") ?? 1),
    smoothing: Number(data.get("smoothing") ?? 0),
    adaptScale: form.elements.namedItem("adapt") ? data.has("adapt") : true,
  };
}
