// Single pictures of a short run: what each model took them for.
import { nameOf } from "../../shared/files.js";
import { wordsFor } from "../../shared/words.js";
import { make, share } from "../../shared/dom.js";
import { thumbnail } from "../../shared/thumbnail.js";

const SEVERAL = 5; // labels shown of a model that may find several
const isWeb = (source) => /^https?:\/\//i.test(source);

export function predictionTable(predictions, judgement, kept) {
  const [first, second] = [judgement?.champion?.model ?? "Champion", judgement?.challenger?.model ?? ""];
  const hasTruth = predictions.some(({ label }) => label);
  const titles = ["Picture", "Name", ...(hasTruth ? ["Right answer"] : []), first, ...(second ? [second] : [])];
  const table = make("table", "answers-table");
  const head = make("tr");
  head.append(...titles.map((title) => Object.assign(make("th", "", title), { scope: "col" })));
  const body = make("tbody");
  body.append(...predictions.map((each) => row(each, { first, second, hasTruth, kept })));
  const top = make("thead");
  top.append(head);
  table.append(make("caption", "unseen", "Every picture, and what it was taken for"), top, body);
  return table;
}

function row({ id, source, picture, label = "", champion, challenger }, { first, second, hasTruth, kept }) {
  const line = make("tr");
  const name = make("td", "answer-name", nameOf({ id, source }));
  name.title = id;
  line.append(cell("answer-picture", preview(kept?.files.get(id), picture ?? source)), name);
  if (hasTruth) line.append(titled(make("td", "answer-truth", label || "–"), "Right answer"));
  line.append(titled(said(champion), first));
  if (second) line.append(titled(said(challenger), second));
  return line;
}

function cell(className, ...content) {
  const element = make("td", className);
  element.append(...content);
  return element;
}

// title: repeated in the cell for phones, where the head of the table is not to be seen.
function titled(element, title) {
  element.dataset.title = title;
  return element;
}

// The server says whether it is right, and nothing where the right answer does not count.
function said(answer) {
  if (!answer) return make("td", "answer-said", "–");
  if (answer.error) {
    const { code, message } = answer.error;
    return cell("answer-said is-error", make("span", "answer-label", wordsFor(code)), make("span", "small", message));
  }
  const labels = (answer.labels ?? []).slice(0, answer.multi_label ? SEVERAL : 1);
  if (!labels.length) return make("td", "answer-said", "Nothing that it knows");
  const verdict = typeof answer.right === "boolean" ? mark(answer.right) : [];
  const shown = labels.flatMap(({ name, score }) =>
    [make("span", "answer-label", name), " ", make("span", "small", share(score)), " "]);
  return cell("answer-said", ...verdict, ...shown);
}

function mark(isRight) {
  const sign = make("span", isRight ? "is-right" : "is-wrong", isRight ? "✓" : "✕");
  sign.setAttribute("aria-hidden", "true");
  return [sign, make("span", "unseen", isRight ? "Right: " : "Wrong: ")];
}

// address: of the picture, if it is on the web or has a link; a file is what was sent from here.
function preview(file, address) {
  if (!file) {
    const frame = thumbnail("span", isWeb(address) ? address : "");
    for (const image of frame.children) image.loading = "eager"; // a link works for minutes
    return frame;
  }
  const local = URL.createObjectURL(file);
  return thumbnail("span", local, () => URL.revokeObjectURL(local));
}
