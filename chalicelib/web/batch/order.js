// The order of the results: as given, or by a column, from the table's head or the gallery's menu.
import { part } from "../shared/dom.js";
import { nameOf } from "../shared/files.js";
import { wordsFor } from "../shared/words.js";

const TURNS = {
  number: { none: "descending", descending: "ascending", ascending: "none" },
  string: { none: "ascending", ascending: "descending", descending: "none" },
};
const inWords = new Intl.Collator("en", { numeric: true });
const NONE = "none";

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

export class Order {
  #column = "score";
  #direction = NONE;
  #menu = part("batch-order");

  constructor(onChange) {
    for (const header of headers()) {
      const { sort } = header.dataset;
      header.querySelector("button").addEventListener("click", () => {
        this.#set(sort, turnsOf(sort)[sort === this.#column ? this.#direction : NONE]);
        onChange();
      });
    }
    this.#menu.addEventListener("change", () => {
      const [column, direction] = this.#menu.value.split(" ");
      this.#set(column || this.#column, direction ?? NONE);
      onChange();
    });
  }

  clear() {
    this.#set(this.#column, NONE);
  }

  sorted(records) {
    if (this.#direction === NONE) return records;
    const sign = this.#direction === "descending" ? -1 : 1;
    const valueOf = COLUMNS[this.#column];
    const compare = this.#column === "score" ? (a, b) => a - b : inWords.compare;
    return records.map((record) => [valueOf(record), record]).sort(([a], [b]) => {
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return sign * compare(a, b);
    }).map(([, record]) => record);
  }

  #set(column, direction) {
    this.#column = column;
    this.#direction = direction;
    for (const header of headers()) header.setAttribute("aria-sort", header.dataset.sort === column ? direction : NONE);
    const value = direction === NONE ? "" : `${column} ${direction}`;
    this.#menu.value = [...this.#menu.options].some((option) => option.value === value) ? value : "";
  }
}
