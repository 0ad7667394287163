// The answering half of the page: what was recognised, how long it took, who said so.
import { foundIn, make, nameNodes, part, share } from "../shared/dom.js";
import { costOfAnswer, priceOfExplaining } from "../shared/cost.js";
import { hideVote, showVote } from "./vote.js";
import { snippetsOf } from "./snippets.js";

function duration(ms) {
  if (ms > 0 && ms < 1) return "<1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

// Scores of a classifier are not promises; words keep a reader from taking 40% for a yes.
const CERTAINTY = [[0.9, "Quite sure"], [0.6, "Likely"], [0.35, "Perhaps"], [0, "Only a guess"]];

function setState(state, headline, certainty = "") {
  const nodes = [headline].flat(); // words, or the nodes of names
  part("answer").dataset.state = state;
  part("answer").setAttribute("aria-busy", String(state === "loading"));
  part("headline").replaceChildren(...nodes);
  part("headline").classList.toggle("is-long", nodes.filter((node) => !node.tagName).join("").length > 18);
  part("certainty").textContent = certainty;
  part("problem").hidden = state !== "problem";
  part("labels").hidden = state !== "answer" && state !== "loading";
  part("timing").hidden = state !== "answer";
  part("terminal").hidden = state !== "answer";
  part("why-ask").hidden = part("labels").hidden; // also while loading: a tick in it has the focus
  if (state !== "answer") part("compare").hidden = true;
  if (state !== "answer") hideVote();
}

export function showIdle(headline, promise, model) {
  setState("idle", headline, promise);
  showCard(model, "Model");
}

export function showLoading() {
  setState("loading", "Looking…");
  showLabels([]);
  part("announcement").textContent = "Looking";
}

export function showProblem(problem, retry) {
  setState("problem", problem.title);
  part("problem-message").textContent = problem.message;
  part("problem-code").textContent = problem.code;
  part("retry").hidden = !problem.canRetry;
  part("retry").onclick = retry;
  part("card-role").textContent = "Model"; // it has not answered this
  part("announcement").textContent = `${problem.title} ${problem.message}`;
}

// entry: {source, answer, elapsed, asked (model picked by hand, or ""), explain}; models: of GET /models.
// role: what the model is to an experiment of several, or ""; canVote: whether a vote counts.
export function showAnswer({ source, answer, elapsed, asked, explain }, models, { role, canVote }) {
  const labels = answer.predictions[0].labels.filter(({ score }) => score > 0); // 8-bit scores end in zeros
  const found = foundIn(labels, answer.model.multi_label);
  const least = found.at(-1);
  const word = least && CERTAINTY.find(([from]) => least.score >= from)[1];
  const { title, name, ...model } = { ...models.find((each) => each.name === answer.model.name), ...answer.model };
  const said = `says ${[title || name, role && `the ${role}`].filter(Boolean).join(", ")}, after ${duration(elapsed)}`;
  setState("answer", found.length ? nameNodes(found.map(({ name }) => name)) : "Nothing I know.", least ? `${word}, ${said}` : `So ${said}`);
  showLabels(labels);
  showTiming(answer.timing_ms, elapsed);
  part("cost").textContent = costOfAnswer(answer.timing_ms);
  part("explain-price").textContent = priceOfExplaining(answer.timing_ms, model.explain_inferences);
  showCard({ title, name, ...model }, "Answered by");
  for (const [language, text] of Object.entries(snippetsOf(source, asked, explain))) part(language).textContent = text;
  part("curl-note").textContent = source.curlNote ?? "";
  part("json").textContent = JSON.stringify(answer, null, 2);
  part("another").hidden = !role;
  if (canVote) showVote(answer);
  else hideVote();
  part("announcement").textContent = labels.map(({ name, score }) => `${name} ${share(score)}`).join(", ");
}

// Rows are kept between answers, so that bars glide from one to the next.
function showLabels(labels) {
  const list = part("labels");
  const wanted = labels.length || list.children.length || 5;
  while (list.children.length > wanted) list.lastChild.remove();
  while (list.children.length < wanted) {
    const row = make("li", "label", "");
    row.append(make("span", "label-name", ""), make("span", "label-share", ""), make("span", "bar", ""));
    list.append(row);
  }
  [...list.children].forEach((row, i) => {
    row.children[0].replaceChildren(...(labels[i] ? nameNodes([labels[i].name]) : []));
    row.children[1].textContent = labels[i] ? share(labels[i].score) : "";
    row.style.setProperty("--score", labels[i]?.score ?? 0);
  });
}

function showTiming({ fetch = 0, decode = 0, infer = 0, explain = 0 }, elapsed) {
  const parts = [["Network", Math.max(0, elapsed - fetch - decode - infer - explain), "network"],
    ["Fetch", fetch, "fetch"], ["Decode", decode, "decode"], ["Model", infer, "infer"], ["Heat maps", explain, "explain"]];
  const seen = parts.filter(([, value, key]) => value > 0 || key === "infer");
  part("timing-bar").replaceChildren(...seen.map(([, value, key]) => {
    const piece = make("span", `piece ${key}`, "");
    piece.style.flexGrow = value;
    return piece;
  }));
  part("timing-parts").replaceChildren(
    make("li", "total", `${duration(elapsed)} in all`),
    ...seen.map(([name, value, key]) => make("li", `part ${key}`, `${name} ${duration(value)}`)),
  );
}

function showCard(model, role) {
  part("card").hidden = !model;
  if (!model) return;
  part("card-role").textContent = role;
  part("card-name").textContent = model.title || model.name;
  const isTitled = model.title && model.title !== model.name;
  part("card-version").textContent = `${isTitled ? model.name : "version"} ${model.version}`;
  part("card-description").textContent = model.description ?? "";
  const facts = [
    model.labels && `Knows ${model.labels.toLocaleString("en")} labels`,
    model.multi_label && "may find several",
    model.input && `sees ${model.input.width} × ${model.input.height} px`,
    model.licence,
  ].filter(Boolean);
  part("card-facts").replaceChildren(...facts.flatMap((fact) => [" · ", make("span", "", fact)]).slice(1));
}
