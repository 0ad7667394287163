// A run on the page: how far it is, what went wrong, what came out.
import { asProblem } from "../../shared/api.js";
import { ago, span } from "../../shared/words.js";
import { counted, make, part, share } from "../../shared/dom.js";
import { Graph } from "./draw.js";
import { showReport } from "./report.js";
import { current, statesOf } from "./states.js";
import { ENDS, OUTCOMES, STATUS, adviceOn, causeOf, doing, shortened, titleOfRun } from "./words.js";

export class RunView {
  #graph = new Graph(part("workflow-graph"), part("workflow-states"));
  #announced = "";
  #view = null;

  clear(name) {
    this.#view = null;
    this.#announced = "";
    part("workflow-open").dataset.status = "opening";
    part("workflow-title").textContent = "Opening…";
    part("workflow-caption").textContent = name;
    part("workflow-facts").replaceChildren();
    part("workflow-figure").hidden = true;
    for (const id of ["workflow-outcome", "workflow-faults", "workflow-report"]) part(id).hidden = true;
    this.hideProblem();
  }

  // kept: {files: Map of id -> file}, where the pictures came from here.
  show(view, kept) {
    this.#view = view;
    const { states, counts, broken } = statesOf(view);
    const step = current(states);
    part("workflow-open").dataset.status = view.status;
    this.#title(view, step, broken);
    part("workflow-caption").textContent = `Started ${ago(view.started_at)} · ${view.name}`;
    part("workflow-figure").hidden = false;
    this.#graph.show({ states, counts });
    part("workflow-doing").textContent = step?.does ?? "";
    this.tick();
    showFaults(view);
    if (view.status in ENDS) showEnd(view, broken);
    else this.hideProblem();
    showReport(view, kept);
  }

  #title({ status, states, outcome, verdict, judgement, name, images }, step, broken) {
    const failure = broken ? `${broken} failed` : states?.Refuse ? "It was refused" : ENDS[status];
    const end = failure ?? verdict ?? STATUS[status];
    const now = step ? doing(step.state, images) : this.#announced || "Starting"; // between two states
    const title = status === "running" ? now : end;
    part("workflow-title").textContent = title;
    part("workflow-title").classList.toggle("is-long", title.length > 24);
    const isDecided = judgement?.challenger || outcome === "degraded";
    part("workflow-outcome").hidden = !isDecided;
    part("workflow-outcome").textContent = isDecided ? OUTCOMES[outcome] ?? outcome : "";
    part("workflow-outcome").dataset.outcome = outcome ?? "";
    if (title !== this.#announced) part("workflow-announcement").textContent = `${titleOfRun(name)}: ${title}`;
    this.#announced = title;
  }

  // The clock goes on between two looks at the server.
  tick() {
    if (!this.#view) return;
    const { status, started_at: start, ended_at: end, images, champion, challenger, judgement } = this.#view;
    const seconds = (new Date(end ?? Date.now()) - new Date(start)) / 1000;
    const failed = judgement?.error_rate;
    const facts = [
      STATUS[status] ?? status,
      Number.isFinite(images) && counted(images, "picture"),
      champion && (challenger ? `${champion} against ${challenger}` : champion),
      status === "running" ? seconds >= 1 && `${span(seconds)} so far` : `${span(Math.max(0, seconds))} in all`,
      failed > 0 && `${share(failed)} failed`,
    ].filter(Boolean);
    const items = facts.map((fact, i) => make("span", i ? "" : "run-status", fact));
    part("workflow-facts").replaceChildren(...items);
  }

  showProblem(error, again) {
    const { title, message, code } = asProblem(error);
    const isMissing = code.startsWith("NotFound");
    if (!this.#view) part("workflow-title").textContent = isMissing ? "No such run." : title;
    const cause = isMissing ? "No run is kept at this address. Look for it under All runs." : message;
    write({ cause, advice: "", code, again: isMissing ? null : again });
    part("workflow-announcement").textContent = cause;
  }

  hideProblem() {
    part("workflow-problem").hidden = true;
  }
}

// Of a step that broke the state machine itself says what to do.
function showEnd({ error = "", cause = "", status }, broken) {
  const said = causeOf(cause) || (status === "aborted" ? "Someone stopped it in Step Functions." : "");
  write({ cause: shortened(said), advice: broken ? "" : adviceOn(error), code: error });
}

function write({ cause, advice, code, again = null }) {
  const box = part("workflow-problem");
  box.hidden = false;
  box.querySelector(".problem-cause").textContent = cause;
  box.querySelector(".problem-advice").textContent = advice;
  box.querySelector("code").textContent = code;
  const button = box.querySelector("button");
  button.hidden = !again;
  button.onclick = again;
  box.querySelector(".problem-foot").hidden = !again && !code;
}

function showFaults({ status, faults = [] }) {
  const box = part("workflow-faults");
  if (box.hidden && status in ENDS) box.open = true;
  box.hidden = !faults.length;
  if (!faults.length) return;
  const rest = status in ENDS ? "on the way" : "tried again or caught";
  box.querySelector("summary").textContent = `${counted(faults.length, "fault")} ${rest}`;
  box.querySelector("ul").replaceChildren(...faults.map(({ error, cause }) => {
    const item = make("li");
    item.append(make("code", "", error), make("span", "", shortened(causeOf(cause))));
    return item;
  }));
}
