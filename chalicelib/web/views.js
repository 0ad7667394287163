// The page's two views, and the address of each: none for one picture, #batch, #batch/ID for a batch.
import { part } from "./dom.js";
import { makeTabs } from "./tabs.js";

// onBatch(id): the batch view is shown, with that batch or, for "", with the recent ones;
// onOne(): the other view is.
export function makeViews({ onBatch, onOne }) {
  const [one, batch] = [part("tab-one"), part("tab-batch")];
  const tabs = makeTabs(part("views"), (tab) => go(tab === batch ? "#batch" : ""));

  function route() {
    const found = /^#batch(?:\/([\w-]{1,80}))?$/.exec(location.hash);
    tabs.select(found ? batch : one);
    if (found) onBatch(found[1] ?? "");
    else onOne();
  }

  // Without an event of the browser's own, so that the view follows at once.
  function go(hash) {
    if (location.hash === hash) return;
    history.pushState(null, "", location.pathname + location.search + hash);
    route();
  }

  // A click on the chosen tab leads back to its start.
  batch.addEventListener("click", () => go("#batch"));
  addEventListener("hashchange", route);
  route();
  return { go };
}
