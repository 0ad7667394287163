// The WAI-ARIA tabs pattern: arrow keys move and select, Tab leaves the list.
// onSelect(tab) follows a choice of the user, not a call of the returned select(tab).

export function makeTabs(list, onSelect = () => {}) {
  const tabs = [...list.querySelectorAll("[role=tab]")];

  function select(chosen) {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  }

  function choose(tab) {
    if (tab.getAttribute("aria-selected") === "true") return;
    select(tab);
    onSelect(tab);
  }

  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const offered = tabs.filter((tab) => !tab.hidden);
    const at = offered.indexOf(document.activeElement);
    const goal = {
      ArrowRight: (at + 1) % offered.length,
      ArrowLeft: (at - 1 + offered.length) % offered.length,
      Home: 0,
      End: offered.length - 1,
    }[event.key];
    if (at < 0 || goal === undefined) return;
    event.preventDefault();
    offered[goal].focus();
    choose(offered[goal]);
  });
  return { select };
}
