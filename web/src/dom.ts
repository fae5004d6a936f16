/** Finding and filling the page's elements. */

/** The element of that id, which the page has. */
export function by<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** Every element with `data-word` says that word. */
export function fillIn(words: Record<string, unknown>): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-word]")) {
    element.textContent = String(words[element.dataset.word!]);
  }
}

/** Let the visitor keep `file`. */
export function offer(link: HTMLAnchorElement, file: Blob, name: string): void {
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.hidden = false;
}
