// One record of the results as a tile of the gallery.
import { foundIn, make, nameNodes, share } from "../shared/dom.js";
import { nameOf } from "../shared/files.js";
import { wordsFor } from "../shared/words.js";

export function tileOf(record, pictures) {
  const item = make("li");
  const button = make("button", record.error ? "tile is-error" : "tile");
  const frame = make("span", "thumb");
  const [text, score] = said(record);
  const label = make("span", "tile-label");
  const names = record.error ? [] : foundIn(record.labels ?? [], record.multi_label).map(({ name }) => name);
  label.append(...(names.length ? nameNodes(names) : [text]));
  label.title = text;
  button.tabIndex = -1;
  button.append(frame, label, " ", make("span", "tile-score", score), " ", make("span", "tile-name", nameOf(record)));
  item.append(button);
  pictures.fill(frame, record);
  return item;
}

// -> [what it is taken for, how sure that is]
export function said({ error, labels = [], multi_label: isMultiLabel }) {
  if (error) return [wordsFor(error.code), ""];
  const found = foundIn(labels, isMultiLabel);
  return [found.map(({ name }) => name).join(", ") || "Nothing that it knows", found.length ? share(found[0].score) : ""];
}
