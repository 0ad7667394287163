// The list of recent runs, each a link to it.
import { ago, span } from "../../shared/words.js";
import { make, part } from "../../shared/dom.js";
import { listRuns } from "./api.js";
import { ENDED, STATUS, isUnnamed, titleOfRun } from "./words.js";

const HINT = "A run goes on without this page: you find it again here.";
const NONE = "None yet. Both models see the same pictures; the report says which one is right more often, " +
  "and whether that is more than chance.";

// isStill(): whether the view is still the one that asked. -> whether one of them is under way
export async function showRecentRuns(isStill) {
  const box = part("workflow-recent-problem");
  let runs = [];
  try {
    runs = await listRuns();
    if (!isStill()) return false;
  } catch (error) {
    if (isStill()) showTrouble(box, error, () => showRecentRuns(isStill));
    return false;
  }
  box.hidden = true;
  part("workflow-hint").textContent = runs.length ? HINT : NONE;
  part("workflow-recent").replaceChildren(...runs.map(itemOf));
  return runs.some(({ status }) => status === "running");
}

function showTrouble(box, error, retry) {
  part("workflow-hint").textContent = "";
  box.hidden = false;
  box.querySelector("p").textContent = error.message;
  box.querySelector("code").textContent = error.code ?? "";
  box.querySelector("button").onclick = retry;
}

function itemOf({ name, status, started_at: start, ended_at: end, outcome, verdict }) {
  const link = make("a", "batch-link");
  link.href = `#experiment/${name}`;
  link.dataset.status = status;
  const seconds = end ? Math.max(0, (new Date(end) - new Date(start)) / 1000) : null;
  const words = [ENDED[outcome] ?? STATUS[status] ?? status, seconds !== null && span(seconds), ago(start)].filter(Boolean);
  link.append(
    make("strong", "", titleOfRun(name)),
    ...(isUnnamed(name) ? [] : [make("span", "batch-origin", name)]),
    ...(verdict ? [make("span", "run-verdict", verdict)] : []),
    make("span", "batch-words", words.join(" · ")),
  );
  const item = make("li");
  item.append(link);
  return item;
}
