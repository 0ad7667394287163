// Thumbs up or down under an answer, and what it was instead; a vote can be changed, the last one counts.
import { asProblem } from "../shared/api.js";
import { part } from "../shared/dom.js";
import { sendVote } from "../shared/experiment.js";

const votes = new Map(); // inference id -> {choice, label, isAsking, taken: what the server made of it, problem}
const seen = new Set(); // labels of the answers so far, for the field to offer
let shown = null; // inference id
let takesLabels = true;
let queue = Promise.resolve(); // votes arrive in the order they were cast

export function showVote({ inference_id: id, model, predictions: [{ labels, inference_id: own = id }] }) {
  const [top, ...others] = labels.map(({ name }) => name);
  const offered = new Set([...others, ...[...seen].sort()]);
  offered.delete(top);
  part("vote-labels").replaceChildren(...[...offered].map((label) => new Option(label)));
  for (const { name } of labels) seen.add(name);
  if (!votes.has(own)) votes.set(own, { choice: null, label: "", isAsking: false, taken: null, problem: "" });
  if (own !== shown) part("vote-label").value = votes.get(own).label;
  shown = own;
  takesLabels = !model.multi_label; // one label does not tell whether several were right
  part("vote").hidden = !top;
  paint();
}

export function hideVote() {
  part("vote").hidden = true;
}

function paint() {
  const vote = votes.get(shown);
  part("vote-yes").setAttribute("aria-pressed", String(vote.choice === true));
  part("vote-no").setAttribute("aria-pressed", String(vote.choice === false));
  part("vote-truth").hidden = !vote.isAsking;
  const words = wordsFor(vote);
  part("vote-said").hidden = !words;
  part("vote-said").textContent = words;
}

function wordsFor({ taken, label, problem, isAsking }) {
  if (problem) return `The vote was not taken. ${problem}`;
  if (!taken || isAsking) return "";
  if (taken.correct) return "Thank you. Your vote counts for the model.";
  return label ? `Thank you, “${label}” is saved and counts against the model.` : "Thank you. Your vote counts against the model.";
}

function cast(ballot, changes) {
  const [id, vote] = [shown, votes.get(shown)];
  const turn = {};
  Object.assign(vote, changes, { turn, problem: "" });
  paint();
  queue = queue.then(async () => {
    try {
      const taken = await sendVote(id, ballot);
      vote.taken = taken;
      if (vote.turn === turn) vote.choice = taken.correct;
    } catch (error) {
      if (vote.turn === turn) Object.assign(vote, { choice: vote.taken?.correct ?? null, isAsking: false, problem: asProblem(error).message });
    }
    if (vote.turn !== turn || id !== shown) return; // they have changed their mind, or look at another picture
    paint();
    part("announcement").textContent = vote.isAsking ? "Thank you. What is it?" : wordsFor(vote);
  });
}

function ask() {
  const vote = votes.get(shown);
  if (vote.choice !== false) cast({ correct: false }, { choice: false, label: "", isAsking: takesLabels });
  vote.isAsking = takesLabels;
  paint();
  if (takesLabels && matchMedia("(pointer: fine)").matches) part("vote-label").focus({ preventScroll: true }); // no keyboard pops up
}

function answer() {
  const label = part("vote-label").value.trim();
  if (label) cast({ label }, { choice: false, label, isAsking: false });
  else skip();
}

function skip() {
  votes.get(shown).isAsking = false;
  paint();
  part("vote-no").focus();
}

part("vote-yes").addEventListener("click", () => {
  if (votes.get(shown).choice !== true) cast({ correct: true }, { choice: true, label: "", isAsking: false });
});
part("vote-no").addEventListener("click", ask);
part("vote-skip").addEventListener("click", skip);
part("vote-truth").addEventListener("submit", (event) => {
  event.preventDefault();
  part("vote-no").focus();
  answer();
});
