// The results as a table: filtered by what was recognised or went wrong, sorted, a hundred rows at a time.
import { amount, foundIn, make, part } from "../shared/dom.js";
import { rowOf } from "./row.js";
import { wordsFor } from "../shared/words.js";

const PAGE = 100;
const CHIPS = 12;
const ORDERS = { none: "descending", descending: "ascending", ascending: "none" };
const ALL = "all";

const best = ({ labels }) => labels?.[0];

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
  #order = "none";
  #shown = 0;
  #allChips = false;
  #rows = [];
  #previewOf = () => "";

  constructor() {
    part("batch-more").addEventListener("click", () => this.#more());
    part("batch-score").querySelector("button").addEventListener("click", () => this.#sort());
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

  #sort() {
    this.#order = ORDERS[this.#order];
    this.#paint();
  }

  #paint() {
    part("batch-score").setAttribute("aria-sort", this.#order);
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
    const scoreOf = (record) => best(record)?.score ?? sign * Infinity; // what has none comes last
    return [...records].sort((one, other) => {
      const [a, b] = [scoreOf(one), scoreOf(other)];
      return a === b ? 0 : sign * (a - b);
    });
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
