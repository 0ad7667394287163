// What visitors say of the arms: what is known of each arm, who answers; it follows by itself.
import { asProblem, isOff } from "../shared/api.js";
import { ago } from "../shared/words.js";
import { counted, part } from "../shared/dom.js";
import { getExperiment } from "../shared/experiment.js";
import { showChart } from "./chart.js";
import { Traffic } from "./traffic.js";
import { pause, untilVisible } from "../shared/waiting.js";

const SOONEST = 2000; // ms between two looks, growing while nothing moves
const LATEST = 15_000;

const votesIn = ({ arms }) => arms.reduce((sum, { votes }) => sum + votes, 0);

// models(): those of GET /models. onView(view): of every look. go(hash): to another view of the page.
export function makeVotes({ models, onView, go }) {
  const titleOf = (name) => models().find((model) => model.name === name)?.title || name;
  const traffic = new Traffic({ models, titleOf, onView: present });
  let current = null; // the view that is shown
  let watch = new AbortController();

  function show(name) {
    part("experiment-start").hidden = Boolean(name);
    watch.abort();
    watch = new AbortController();
    if (!name) follow(watch.signal);
  }

  function leave() {
    watch.abort();
    traffic.forget();
  }

  async function follow(signal) {
    let [wait, votes] = [SOONEST, -1];
    while (!signal.aborted) {
      await untilVisible(signal);
      if (!(await look(signal))) return;
      const seen = current ? votesIn(current) : votes;
      wait = seen === votes ? Math.min(LATEST, wait * 1.5) : SOONEST;
      votes = seen;
      await pause(wait, signal);
    }
  }

  // Whether to look again.
  async function look(signal) {
    try {
      const view = await getExperiment();
      if (!signal.aborted && traffic.isNews(view)) present(view);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const problem = asProblem(error);
      if (isOff(problem)) showOff();
      else showProblem(problem);
      return problem.canRetry && !isOff(problem);
    }
  }

  function present(view) {
    const isNews = view.verdict !== current?.verdict;
    current = view;
    onView(view);
    turn("shown");
    part("experiment-verdict").textContent = view.verdict;
    part("experiment-counted").textContent = countedIn(view);
    part("experiment-vote").hidden = votesIn(view) > 0;
    part("experiment-problem").hidden = true;
    showChart(view, titleOf);
    traffic.show(view);
    if (isNews) part("experiment-announcement").textContent = view.verdict;
  }

  function turn(state) {
    part("experiment-start").dataset.state = state;
    for (const id of ["accuracy", "traffic"]) part(id).hidden = state !== "shown";
    part("experiment-setup").hidden = state !== "off";
  }

  // Without ARMS the server knows of no experiment: that is no fault, but a thing to set.
  function showOff() {
    current = null;
    turn("off");
    part("experiment-verdict").textContent = "No experiment here yet.";
    part("experiment-counted").textContent = "An experiment splits the visitors between models and learns from their votes " +
      "which one is right more often. To begin, set ARMS to the models and their shares: on AWS in the environment of the stage, on a laptop like this:";
    part("experiment-setup").querySelector("code").textContent = setupFor(models());
    part("experiment-vote").hidden = true;
    part("experiment-problem").hidden = true;
  }

  function showProblem({ title, message, code }) {
    if (!current) part("experiment-verdict").textContent = title;
    const box = part("experiment-problem");
    box.hidden = false;
    box.querySelector("p").textContent = message;
    box.querySelector("code").textContent = code;
    box.querySelector("button").onclick = () => show("");
    part("experiment-announcement").textContent = message;
  }

  part("experiment-vote").addEventListener("click", () => go(""));
  return { show, leave, refresh: () => current && present(current) };
}

function setupFor(models) {
  const champion = models.find((model) => model.default)?.name ?? "inception-v3";
  const challenger = models.find((model) => !model.default)?.name;
  return `make run MODEL=${champion} ARMS="${challenger ? `${champion}=0.9 ${challenger}=0.1` : `${champion}=1`}"`;
}

function countedIn(view) {
  if (!votesIn(view)) return "No votes yet.";
  const when = view.updated_at ? `last counted ${ago(view.updated_at)}` : "not counted yet";
  return `${counted(votesIn(view), "vote")}, ${when}`;
}
