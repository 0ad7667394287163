// Which results are shown: those of a label or an error, and of a range of scores.
import { amount, firstName, foundIn, make, part } from "../shared/dom.js";
import { wordsFor } from "../shared/words.js";

const CHIPS = 12;
const ALL = "all";

// What a record is filed under: its error or its label; of a multi-label model, each label that it finds.
function kindsOf({ error, labels = [], multi_label: isMultiLabel }) {
  if (error) return [`error ${error.code}`];
  const found = foundIn(labels, isMultiLabel);
  return found.length ? found.map(({ name }) => `label ${name}`) : ["label "];
}

const isError = ([kind]) => kind.startsWith("error ");
const labelOf = ([kind]) => kind.slice(6);

// -> a function from a label to its first name, or to all of them where another label has the same first.
function shortener(labels) {
  const plain = (label) => firstName(label).toLowerCase();
  const seen = new Set();
  const shared = new Set(labels.map(plain).filter((name) => seen.has(name) || !seen.add(name)));
  return (label) => (shared.has(plain(label)) ? label : firstName(label));
}

export class Filter {
  #records = [];
  #kinds = new Map();
  #kind = ALL;
  #allChips = false;
  #scores = part("batch-scores");

  // onChange(): it lets others through.
  constructor(onChange) {
    this.#scores.addEventListener("change", onChange);
    part("batch-chips").addEventListener("click", ({ target }) => {
      const chip = target.closest("button");
      if (chip) this.#choose(chip.dataset.kind, onChange);
    });
  }

  set records(records) {
    this.#records = records;
    this.#kinds = grouped(records);
    if (!this.#kinds.has(this.#kind)) this.#kind = ALL;
  }

  clear() {
    this.records = [];
    this.#allChips = false;
    this.#scores.value = "";
  }

  // The results that pass, and the chips above them as they are now.
  apply() {
    part("batch-chips").replaceChildren(...this.#chips());
    const records = this.#kind === ALL ? this.#records : this.#kinds.get(this.#kind);
    const [from, to] = this.#scores.value.split(" ").map(Number);
    return this.#scores.value ? records.filter((record) => isBetween(record, from, to)) : records;
  }

  #choose(kind, onChange) {
    if (kind) this.#kind = kind === this.#kind ? ALL : kind;
    else this.#allChips = true;
    onChange();
    const again = [...part("batch-chips").querySelectorAll("button")].find((each) => each.dataset.kind === kind);
    (again ?? part("batch-chips").querySelector("[aria-pressed=true]")).focus();
  }

  #chips() {
    const kinds = [...this.#kinds].sort(([, one], [, other]) => other.length - one.length);
    const labels = kinds.filter((kind) => !isError(kind));
    const fit = this.#allChips || labels.length <= CHIPS + 1 ? labels : labels.slice(0, CHIPS);
    const hidden = labels.length - fit.length;
    const shortOf = shortener(labels.map(labelOf));
    return [
      this.#chip(ALL, "All", this.#records.length),
      ...kinds.filter(isError).map(([kind, { length }]) => this.#chip(kind, wordsFor(kind.slice(6)), length, "is-error")),
      ...fit.map(([kind, { length }]) => this.#chip(kind, shortOf(labelOf([kind])) || "Nothing that it knows", length, "", labelOf([kind]))),
      ...(hidden ? [this.#chip("", `${amount(hidden)} more labels…`)] : []),
    ];
  }

  #chip(kind, text, count, className = "", whole = text) {
    const button = make("button", `chip ${className}`, text);
    if (whole !== text) button.title = whole;
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

// An error has no score; what has no label has the lowest.
function isBetween({ error, labels = [] }, from, to) {
  const score = labels[0]?.score ?? 0;
  return !error && score >= from && score < to;
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
