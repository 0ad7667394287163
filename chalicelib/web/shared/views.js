// The page's views, and the address of each: none for one picture, #batch and #batch/ID,
// #experiment and #experiment/NAME for a workflow. No element has such an id: the browser would scroll to it.
import { part } from "./dom.js";
import { makeTabs } from "./tabs.js";

const TITLE = document.title;

// many, trial: the tabs Batch and Experiment, each with show(name), for "" its start, and leave().
export function makeViews({ many, trial }) {
  const views = {
    "": { tab: part("tab-one"), title: TITLE },
    "#batch": { tab: part("tab-batch"), title: `Batch · ${TITLE}`, content: many },
    "#experiment": { tab: part("tab-experiment"), title: `Experiment · ${TITLE}`, content: trial },
  };
  const hashOf = (tab) => Object.keys(views).find((hash) => views[hash].tab === tab);
  const tabs = makeTabs(part("views"), (tab) => go(hashOf(tab)));
  let shown = "";

  function route() {
    const [, hash = "", name = ""] = /^(#batch|#experiment)(?:\/([\w-]{1,80}))?$/.exec(location.hash) ?? [];
    if (hash !== shown) views[shown].content?.leave();
    shown = hash;
    tabs.select(views[hash].tab);
    document.title = views[hash].title;
    views[hash].content?.show(name);
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
