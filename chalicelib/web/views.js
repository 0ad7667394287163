// The page's views, and the address of each: none for one picture, #batch and #batch/ID,
// #experiment and #experiment/NAME for a workflow. No element has such an id: the browser would scroll to it.
import { part } from "./dom.js";
import { makeTabs } from "./tabs.js";

const TITLE = document.title;

// onBatch(id), onExperiment(name): that view is shown, with that batch or workflow or, for "", with its start.
// onLeave(): another view is about to be shown.
export function makeViews({ onBatch, onExperiment, onLeave }) {
  const views = {
    "": { tab: part("tab-one"), title: TITLE, show: () => {} },
    "#batch": { tab: part("tab-batch"), title: `Batch · ${TITLE}`, show: onBatch },
    "#experiment": { tab: part("tab-experiment"), title: `Experiment · ${TITLE}`, show: onExperiment },
  };
  const hashOf = (tab) => Object.keys(views).find((hash) => views[hash].tab === tab);
  const tabs = makeTabs(part("views"), (tab) => go(hashOf(tab)));
  let shown = "";

  function route() {
    const [, hash = "", name = ""] = /^(#batch|#experiment)(?:\/([\w-]{1,80}))?$/.exec(location.hash) ?? [];
    if (hash !== shown) onLeave();
    shown = hash;
    tabs.select(views[hash].tab);
    document.title = views[hash].title;
    views[hash].show(name);
  }

  // Without an event of the browser's own, so that the view follows at once.
  function go(hash) {
    if (location.hash === hash) return;
    history.pushState(null, "", location.pathname + location.search + hash);
    route();
  }

  // A click on the chosen tab leads back to its start.
  for (const [hash, { tab }] of Object.entries(views)) if (hash) tab.addEventListener("click", () => go(hash));
  addEventListener("hashchange", route);
  route();
  return { go };
}
