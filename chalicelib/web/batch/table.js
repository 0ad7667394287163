// The results as a table: filtered by what was recognised or went wrong, sorted, a hundred rows at a time.
import { amount, foundIn, make, part } from "../shared/dom.js";
import { nameOf } from "../shared/files.js";
import { rowOf } from "./row.js";
import { wordsFor } from "../shared/words.js";

const PAGE = 100;
const CHIPS = 12;
const TURNS = {
  number: { none: "descending", descending: "ascending", ascending: "none" },
  string: { none: "ascending", ascending: "descending", descending: "none" },
};
const inWords = new Intl.Collator("en", { numeric: true });
const ALL = "all";

const best = ({ labels }) => labels?.[0];

// What a column is sorted by; undefined comes last.
const COLUMNS = {
  name: nameOf,
  label: (record) => (record.error ? wordsFor(record.error.code) : best(record)?.name),
  score: (record) => best(record)?.score,
  others: ({ labels }) => labels?.[1]?.name,
};
const turnsOf = (column) => TURNS[column === "score" ? "number" : "string"];
const headers = () => part("batch-rows").closest("table").querySelectorAll("[data-sort]");

// What a record is filed under: its error or its label; of a multi-label model, each label that it finds.
function kindsOf({ error, labels = [], multi_label: isMultiLabel }) {
  if (error) return [`error ${error.code}`];
  const found = foundIn(labels, isMultiLabel);
  return found.length ? found.map(({ name }) => `label ${name}`) : ["label "];
}

export class ResultTable {
  #records = [];
  #kinds = new Map();
  #kind = ALL;
  #column = "score";
  #order = "none";
  #shown = 0;
  #allChips = false;
  #rows = [];
  #previewOf = () => "";

  constructor() {
    part("batch-more").addEventListener("click", () => this.#more());
    for (const header of headers()) {
      header.querySelector("button").addEventListener("click", () => this.#sort(header.dataset.sort));
    }
    part("batch-chips").addEventListener("click", ({ target }) => {
      const chip = target.closest("button");
      if (chip) this.#choose(chip);
    });
  }

  get records() {
    return this.#records;
  }

  // previewOf(record): address of a small picture, or "".
  show(records, previewOf) {
    this.#records = records;
    this.#previewOf = previewOf;
    this.#kinds = grouped(records);
    if (!this.#kinds.has(this.#kind)) this.#kind = ALL;
    part("batch-results").hidden = false;
    this.#paint();
  }

  clear() {
    this.#records = [];
    this.#kind = ALL;
    this.#order = "none";
    this.#allChips = false;
    part("batch-results").hidden = true;
    part("batch-rows").replaceChildren();
  }

  #choose(chip) {
    if (chip.dataset.kind) this.#kind = chip.dataset.kind === this.#kind ? ALL : chip.dataset.kind;
    else this.#allChips = true;
    const { kind } = chip.dataset;
    this.#paint();
    const again = [...part("batch-chips").querySelectorAll("button")].find((each) => each.dataset.kind === kind);
    (again ?? part("batch-chips").querySelector("[aria-pressed=true]")).focus();
  }

  #sort(column) {
    this.#order = turnsOf(column)[column === this.#column ? this.#order : "none"];
    this.#column = column;
    this.#paint();
  }

  #paint() {
    for (const header of headers()) {
      header.setAttribute("aria-sort", header.dataset.sort === this.#column ? this.#order : "none");
    }
    this.#rows = this.#sorted(this.#kind === ALL ? this.#records : this.#kinds.get(this.#kind));
    this.#shown = 0;
    part("batch-rows").replaceChildren();
    part("batch-chips").replaceChildren(...this.#chips());
    part("batch-table-caption").textContent = `${amount(this.#rows.length)} results`;
    this.#more();
  }

  #sorted(records) {
    if (this.#order === "none") return records;
    const sign = this.#order === "descending" ? -1 : 1;
    const valueOf = COLUMNS[this.#column];
    const compare = this.#column === "score" ? (a, b) => a - b : inWords.compare;
    return records.map((record) => [valueOf(record), record]).sort(([a], [b]) => {
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return sign * compare(a, b);
    }).map(([, record]) => record);
  }

  #more() {
    const first = this.#shown;
    const next = this.#rows.slice(first, first + PAGE);
    part("batch-rows").append(...next.map((record) => rowOf(record, this.#previewOf(record))));
    this.#shown += next.length;
    const left = this.#rows.length - this.#shown;
    part("batch-more").hidden = left === 0;
    part("batch-more").textContent = `Show ${amount(Math.min(PAGE, left))} more`;
    part("batch-shown").textContent = left ? `${amount(this.#shown)} of ${amount(this.#rows.length)}` : "";
  }

  #chips() {
    const isError = ([kind]) => kind.startsWith("error ");
    const kinds = [...this.#kinds].sort(([, one], [, other]) => other.length - one.length);
    const labels = kinds.filter((kind) => !isError(kind));
    const errors = kinds.filter(isError);
    const fit = this.#allChips || labels.length <= CHIPS + 1 ? labels : labels.slice(0, CHIPS);
    const hidden = labels.length - fit.length;
    return [
      this.#chip(ALL, "All", this.#records.length),
      ...errors.map(([kind, { length }]) => this.#chip(kind, wordsFor(kind.slice(6)), length, "is-error")),
      ...fit.map(([kind, { length }]) => this.#chip(kind, kind.slice(6) || "Nothing it knows", length)),
      ...(hidden ? [this.#chip("", `${amount(hidden)} more labels…`)] : []),
    ];
  }

  #chip(kind, text, count, className = "") {
    const button = make("button", `chip ${className}`, text);
    if (kind) {
      button.dataset.kind = kind;
      button.setAttribute("aria-pressed", String(kind === this.#kind));
      button.append(" ", make("span", "chip-count", amount(count)));
    }
    const item = make("li");
    item.append(button);
    return item;
  }
}

function grouped(records) {
  const kinds = new Map();
  for (const record of records) {
    for (const kind of kindsOf(record)) {
      if (kinds.has(kind)) kinds.get(kind).push(record);
      else kinds.set(kind, [record]);
    }
  }
  return kinds;
}
