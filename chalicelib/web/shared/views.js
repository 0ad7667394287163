// The page's views, and the address of each: none for one picture, #batch and #batch/ID,
// #experiment and #experiment/NAME for a workflow, #teach and #teach/ID for a teaching. No element has such an id: the browser would scroll to it.
import { addressOf } from "./address.js";
import { part } from "./dom.js";
import { makeTabs } from "./tabs.js";

const TITLE = document.title;

// many, trial, teach: the tabs Batch, Experiment and Teach, each with show(name), for "" its start, and leave().
export function makeViews({ many, trial, teach }) {
  const views = {
    "": { tab: part("tab-single"), title: TITLE },
    "#batch": { tab: part("tab-batch"), title: `Batch · ${TITLE}`, content: many },
    "#experiment": { tab: part("tab-experiment"), title: `Experiment · ${TITLE}`, content: trial },
    "#teach": { tab: part("tab-teach"), title: `Teach · ${TITLE}`, content: teach },
  };
  const hashOf = (tab) => Object.keys(views).find((hash) => views[hash].tab === tab);
  const tabs = makeTabs(part("views"), (tab) => go(hashOf(tab)));
  let shown = "";

  function route() {
    const [, hash = "", name = ""] = /^(#batch|#experiment|#teach)(?:\/([\w-]{1,80}))?$/.exec(location.hash) ?? [];
    if (hash !== shown) views[shown].content?.leave();
    shown = hash;
    tabs.select(views[hash].tab);
    document.title = views[hash].title;
    views[hash].content?.show(name);
  }

  // Without an event of the browser's own, so that the view follows at once.
  function go(hash) {
    if (location.hash === hash) return;
    history.pushState(null, "", addressOf(hash));
    route();
  }

  // A click on the chosen tab leads back to its start.
  for (const [hash, { tab }] of Object.entries(views)) if (hash) tab.addEventListener("click", () => go(hash));
  addEventListener("hashchange", route);
  route();
  return { go };
}

// Shows what is open in a tab in place of the tab's start, or the other way round. The focus goes where the eyes go.
// isAll: whether nothing else of the tab stays in sight.
export function turnTo(name, isOpen, isAll) {
  const [shown, other] = (isOpen ? ["open", "start"] : ["start", "open"]).map((half) => part(`${name}-${half}`));
  const hadFocus = other.contains(document.activeElement);
  shown.hidden = false;
  if (!other.hidden && isAll) scrollTo(0, 0);
  other.hidden = true;
  if (hadFocus) shown.querySelector("h1, h2").focus({ preventScroll: isAll });
}

const SOONEST = 1000; // ms between two looks at what is recent, growing while some of it runs
const LATEST = 15_000;

// Looks again and again, until nothing runs or the visit is over. look(isStill): whether something runs.
// latest: ms between two looks, in the end.
export async function keepLooking(look, isStill, latest = LATEST) {
  for (let wait = SOONEST; isStill(); wait = Math.min(latest, wait * 1.5)) {
    if (!document.hidden && !(await look(isStill))) return;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
