// One record of the results as a row of the table.
import { nameOf } from "../shared/files.js";
import { foundIn, make, nameNodes, share } from "../shared/dom.js";
import { wordsFor } from "../shared/words.js";

const isWeb = (source) => /^https?:\/\//i.test(source);

export function rowOf(record, pictures) {
  const row = make("tr", record.error ? "is-error" : "");
  row.append(
    cell("cell-picture", enlarger(record, pictures)),
    cell("cell-id", ...identity(record)),
    ...(record.error ? troubles(record.error) : findings(record.labels ?? [], record.multi_label, record.truncated)),
  );
  row.setAttribute("role", "row");
  return row;
}

function cell(className, ...content) {
  const element = make("td", className);
  element.setAttribute("role", "cell");
  element.append(...content);
  return element;
}

function enlarger(record, pictures) {
  const button = make("button", "thumb");
  button.ariaLabel = `Enlarge ${nameOf(record)}`;
  pictures.fill(button, record);
  return button;
}

function identity({ id, source }) {
  const name = make("span", "row-id", nameOf({ id, source }));
  name.title = id;
  if (!isWeb(source)) return [name];
  const link = make("a", "row-source", source.replace(/^https?:\/\//i, "").slice(0, 200));
  Object.assign(link, { href: source, rel: "noreferrer noopener", target: "_blank", title: source.slice(0, 2000) });
  return [name, link];
}

function findings(labels, isMultiLabel, isCut) {
  const found = foundIn(labels, isMultiLabel);
  const [best] = found;
  const seen = labels.slice(found.length).filter(({ score }) => score > 0).slice(0, 4);
  const label = make("span", "row-label");
  label.append(...(found.length ? nameNodes(found.map(({ name }) => name)) : ["Nothing that it knows"]));
  label.title = label.textContent;
  const bar = make("span", "bar");
  bar.style.setProperty("--score", best?.score ?? 0);
  const notes = isCut ? ["the file is truncated, so a part is missing"] : [];
  return [
    cell("cell-best", label, bar),
    cell("cell-score", best ? share(best.score) : ""),
    cell("cell-others", [...seen.map(({ name, score }) => `${name} ${share(score)}`), ...notes].join(" · ")),
  ];
}

function troubles({ code, message }) {
  const said = cell("cell-trouble", make("span", "row-error", wordsFor(code)), make("span", "row-message", message));
  said.colSpan = 3;
  return [said];
}
