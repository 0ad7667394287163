// The states of a run, as the map shows them, from what GET /workflows/{name} says of them.
import { FALLIBLE, NODES } from "./graph.js";
import { chunksOf } from "./words.js";

const ARMS = ["champion", "challenger"];
const nameOf = (arm) => (arm === "champion" ? "Champion" : "Challenger");

// -> {states: Map of state -> waiting, running, succeeded, failed or skipped, counts: Map of state -> {text, share},
//     broken: the state that led to Fail, or ""}
export function statesOf(view) {
  const said = view.states ?? {};
  const isOver = view.status !== "running";
  const states = new Map(NODES.map(({ state, twin }) => [state, said[state] ?? said[twin] ?? "waiting"]));
  const counts = new Map();
  for (const arm of ARMS) {
    states.set(nameOf(arm), statusOfArm(view, arm, states));
    counts.set(nameOf(arm), countOf(view, arm));
  }
  const hasFailed = isOver && states.get("Fail") !== "waiting";
  const broken = hasFailed ? FALLIBLE.findLast((state) => states.get(state) !== "waiting") : "";
  if (broken) states.set(broken, "failed"); // a failure that was caught looks like a success in the history
  for (const [state, status] of states) if (isOver && status === "waiting") states.set(state, "skipped");
  return { states, counts, broken };
}

// Chunks come and go side by side, so that the parts that are done say more than the latest event.
function statusOfArm({ status, challenger, chunks, states: said = {} }, arm, states) {
  const isAlone = arm === "challenger" && chunks && !challenger;
  if (isAlone) return "skipped";
  if (!chunks || states.get("Classify") === "waiting") return "waiting";
  if (chunks[arm] >= chunks.total) return chunks.total === 1 && isLost(said, arm) ? "failed" : "succeeded";
  return status === "running" ? "running" : "failed";
}

// Whether a chunk was given up, whose pictures are errors then.
const isLost = (said, arm) => Boolean(said[`${nameOf(arm)} lost`]);

function countOf({ challenger, chunks, champion, states = {} }, arm) {
  if (!chunks) return { text: "", share: 0 };
  const model = arm === "champion" ? champion : challenger;
  if (!model) return { text: "none", share: 0 };
  const { [arm]: done, total } = chunks;
  return { text: chunksOf(done, total, isLost(states, arm)), share: total ? done / total : 0 };
}

// The state that is under way, the innermost left out.
export function current(states) {
  return NODES.find(({ state, kind }) => states.get(state) === "running" && kind !== "arm");
}
