/** Tabs as people and screen readers know them: arrows move between them. */

/** Called with the id of the panel that is shown. */
export function connectTabs(list: HTMLElement, shown: (panel: string) => void): void {
  const tabs = [...list.querySelectorAll<HTMLButtonElement>("[role=tab]")];
  const choose = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")!)!.hidden = !selected;
    }
    shown(chosen.getAttribute("aria-controls")!);
  };
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const from = tabs.indexOf(document.activeElement as HTMLButtonElement);
    if (!step || from < 0) return;
    const next = tabs[(from + step + tabs.length) % tabs.length];
    next.focus();
    choose(next);
  });
}
