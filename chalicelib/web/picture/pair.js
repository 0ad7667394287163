// Two answers about one picture side by side, and in words what they do not share.
import { foundIn, make, part, share } from "../shared/dom.js";
import { PARTS } from "./seen.js";

// entry: {answer, elapsed}; other: the same of the second, or {problem}. choice: {model} or {resize} of the second.
export function showPair(entry, other, choice, models) {
  const titles = titlesOf(entry, choice, models);
  const tell = choice.resize ? ofOneModel : ofTwo;
  const said = other.problem ? `${titles[1]} has no answer.` : tell(entry.answer, other.answer, titles);
  part("pair-said").textContent = said;
  part("announcement").textContent = said;
  const first = labelsOf(entry.answer);
  const second = other.problem ? [] : labelsOf(other.answer);
  part("pair-cards").replaceChildren(
    card(titles[0], first, second, entry.elapsed),
    other.problem ? problemCard(titles[1], other.problem) : card(titles[1], second, first, other.elapsed),
  );
  part("pair").hidden = false;
}

const labelsOf = ({ predictions: [{ labels }] }) => labels.filter(({ score }) => score > 0);
const titleOf = (name, models) => models.find((model) => model.name === name)?.title || name;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

function titlesOf({ answer: { model } }, choice, models) {
  if (choice.model) return [titleOf(model.name, models), choice.model.title || choice.model.name];
  const own = models.find(({ name }) => name === model.name).preprocessing.resize;
  return [own, choice.resize].map((way) => capital(PARTS[way]));
}

// -> {names: what is found, score: of the first, or ""}
function gist(answer) {
  const found = foundIn(labelsOf(answer), answer.model.multi_label);
  return { names: found.map(({ name }) => name).join(", ") || "nothing", score: found.length ? share(found[0].score) : "" };
}

function ofTwo(answer, other, [title, otherTitle]) {
  const [first, second] = [gist(answer), gist(other)];
  if (first.names !== second.names) return `They differ: ${title} says ${first.names}, ${otherTitle} says ${second.names}.`;
  return `Both say ${first.names}${first.score && `: ${title} with ${first.score}, ${otherTitle} with ${second.score}`}.`;
}

function ofOneModel(answer, other, titles) {
  const [first, second] = [gist(answer), gist(other)];
  if (first.names === second.names) return `Both ways it is ${first.names}${first.score && `, with ${first.score} and ${second.score}`}.`;
  const [way, otherWay] = titles.map((title) => title.toLowerCase());
  return `It differs: by ${way}, ${first.names}; by ${otherWay}, ${second.names}.`;
}

function card(title, labels, others, elapsed) {
  const box = make("article", "pair-card");
  const list = make("ol", "labels");
  const shared = labels.some(isIn(others)) ? others : []; // where they share nothing, no mark says more
  list.append(...labels.map((label) => row(label, shared)));
  box.append(make("h4", "", title), list, make("p", "caption", `${Math.round(elapsed)} ms`));
  return box;
}

const isIn = (others) => ({ name }) => others.some((other) => other.name === name);

function row({ name, score }, others) {
  const item = make("li", "label");
  const before = others.find((other) => other.name === name);
  const points = before ? (score - before.score) * 100 : 0;
  const mark = !others.length ? "" : !before ? "only here" : Math.abs(points) < 0.05 ? "the same"
    : `${Math.abs(points).toFixed(1)} points ${points > 0 ? "more" : "less"}`;
  const label = make("span", "label-name", name);
  if (mark) label.append(" ", make("small", "pair-mark", mark));
  item.append(label, make("span", "label-share", share(score)), make("span", "bar"));
  item.style.setProperty("--score", score);
  return item;
}

function problemCard(title, { title: headline, message }) {
  const box = make("article", "pair-card");
  box.append(make("h4", "", title), make("p", "", `${headline} ${message}`));
  return box;
}
