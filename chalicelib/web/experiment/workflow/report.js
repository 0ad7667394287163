// The report of a run: its two arms side by side, the picture, the files, single answers.
import { asProblem } from "../../shared/api.js";
import { fetchResults } from "../../shared/bucket.js";
import { wordsFor } from "../../shared/words.js";
import { amount, counted, make, part, save, share } from "../../shared/dom.js";
import { getRun } from "./api.js";
import { predictionTable } from "./answers.js";
import { unknownWords } from "./words.js";

const FILES = [
  ["results", "Results as JSONL", "jsonl"],
  ["markdown", "Report as Markdown", "md"],
  ["json", "Report as JSON", "json"],
];
let shown = "";

// kept: {files: Map of id -> file}, where the pictures came from here.
export function showReport(view, kept) {
  const { judgement, predictions, report } = view;
  const box = part("workflow-report");
  box.hidden = !judgement && !report;
  const state = `${view.name} ${Boolean(judgement)} ${Boolean(report)}`;
  if (box.hidden || state === shown) return; // its links differ at every look, though they lead to the same
  shown = state;
  box.replaceChildren(...[
    judgement?.champion && armTable(judgement),
    judgement && comparison(judgement),
    report && downloads(view.name),
    report?.picture && picture(report.picture, judgement),
    predictions?.length && predictionTable(predictions, judgement, kept),
  ].filter(Boolean));
}

export function forgetReport() {
  shown = "";
}

function armTable({ champion, challenger }) {
  const table = make("table", "arm-table");
  const head = make("tr");
  const titles = ["Model", "Accuracy", "Confidence", "Time per picture", "Failed"];
  head.append(...titles.map((title) => heading(title, "col")));
  const caption = make("caption", "unseen", "The two models on these pictures");
  const [top, body] = [make("thead"), make("tbody")];
  top.append(head);
  body.append(row("Champion", champion), ...(challenger ? [row("Challenger", challenger)] : []));
  table.append(caption, top, body);
  return table;
}

function heading(text, scope) {
  const cell = make("th", "", text);
  cell.scope = scope;
  return cell;
}

function row(role, arm) {
  const line = make("tr");
  const name = heading("", "row");
  name.append(make("strong", "", arm.model), make("span", "small", role));
  line.append(name, accuracyCell(arm),
    figure("Confidence", known(arm.mean_confidence) ? share(arm.mean_confidence) : "–", "mean of first labels"),
    timeCell(arm.latency_ms),
    figure("Failed", known(arm.error_rate) ? share(arm.error_rate) : "–", errorsOf(arm)));
  return line;
}

function timeCell(latency) {
  if (!latency) return figure("Time per picture", "–", "");
  return figure("Time per picture", time(latency.p50), `95% within ${time(latency.p95)}`);
}

const known = (value) => value !== null && value !== undefined;
const time = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const errorsOf = ({ errors = {} }) => Object.entries(errors).map(([code, count]) => `${amount(count)} ${wordsFor(code).toLowerCase()}`).join(", ");

// title: repeated in the cell for phones, where the head of the table is not to be seen.
function figure(title, value, note) {
  const cell = make("td", "figure-cell");
  cell.dataset.title = title;
  cell.append(make("span", "figure-value", value), make("span", "small", note || ""));
  return cell;
}

// The interval is drawn on a line from 0% to 100%, the same for both, so that they can be compared by eye.
function accuracyCell({ accuracy, interval, correct, labelled }) {
  if (!known(accuracy)) return figure("Accuracy", "–", "No right answers that count were given");
  const [low, high] = interval;
  const note = `${amount(correct)} of ${amount(labelled)} right; 95% interval ${share(low)} to ${share(high)}`;
  const cell = figure("Accuracy", share(accuracy), note);
  const line = make("span", "whisker");
  for (const [name, value] of [["--low", low], ["--high", high], ["--at", accuracy]]) line.style.setProperty(name, value);
  line.setAttribute("aria-hidden", "true");
  line.append(make("span", "whisker-span"), make("span", "whisker-dot"));
  cell.firstChild.after(line);
  return cell;
}

function comparison({ agreement, mcnemar, champion, challenger, unknown = [], left_out: leftOut }) {
  const list = make("ul", "comparison");
  const agreed = () => `${amount(agreement.agree)} of ${counted(agreement.pairs, "picture")} (${share(agreement.rate)})`;
  const isCut = leftOut > unknown.reduce((sum, { images }) => sum + images, 0); // a judgement lists the most frequent
  const lines = [
    agreement && `They give the same label for ${agreed()}.`,
    mcnemar && `Of those with a known answer, both are right on ${amount(mcnemar.both)}, only ${champion.model} on ` +
      `${amount(mcnemar.only_champion)}, only ${challenger.model} on ${amount(mcnemar.only_challenger)}, neither on ${amount(mcnemar.neither)}.`,
    mcnemar?.only_champion !== mcnemar?.only_challenger && 
      `Were they equally good, a difference like this would still come up ${chance(mcnemar.p_value)} of the time (McNemar’s test).`,
    leftOut && `${unknownWords({
      unknown_labels: unknown.filter((each) => !each.known_to).map(({ label }) => label),
      known_to_one: unknown.filter((each) => each.known_to).map(({ label }) => label),
    }, isCut)} They are ${counted(leftOut, "picture")}.`,
  ].filter(Boolean);
  list.append(...lines.map((line) => make("li", "", line)));
  return lines.length ? list : null;
}

const chance = (p) => (p < 0.001 ? "under 0.1%" : `${(p * 100).toFixed(1)}%`);

function picture(address, judgement) {
  const frame = make("figure", "report-picture");
  const image = make("img");
  const shown = judgement?.labelled ? "the right answers against the given ones" : "the models' answers against each other";
  const alt = `Picture of the report: ${shown}. The report as Markdown says the same in words.`;
  Object.assign(image, { src: address, alt, decoding: "async" });
  image.onerror = () => frame.remove();
  const link = make("a"); // on a phone its words are small
  Object.assign(link, { href: address, target: "_blank", rel: "noreferrer noopener" });
  link.append(image);
  frame.append(link);
  return frame;
}

function downloads(name) {
  const list = make("p", "report-files");
  list.append(...FILES.map(([key, title, ending]) => {
    const button = make("button", "quiet", title);
    button.onclick = () => fetchFile(name, key, ending, button);
    return button;
  }));
  return list;
}

// A link is good for up to an hour, and the page may have been open for longer.
async function fetchFile(name, key, ending, button) {
  button.disabled = true;
  try {
    const { report } = await getRun(name);
    save(await fetchResults(report[key]), `${name}.${ending}`);
  } catch (error) {
    button.after(make("span", "small", asProblem(error).message));
  } finally {
    button.disabled = false;
  }
}
