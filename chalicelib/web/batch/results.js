// The results: filtered, sorted, as a table or as a gallery, a hundred at a time; each opens enlarged.
import { amount, make, part, save } from "../shared/dom.js";
import { csvOf } from "./csv.js";
import { Filter } from "./filter.js";
import { Lightbox } from "./lightbox.js";
import { Order } from "./order.js";
import { Pictures } from "./pictures.js";
import { rowOf } from "./row.js";
import { tileOf } from "./tile.js";

const PAGE = 100;

export class Results {
  #id = "";
  #records = [];
  #rows = []; // the records that are shown, or would be after more pages
  #shown = 0;
  #pictures = new Pictures();
  #filter = new Filter(() => this.#repaint());
  #order = new Order(() => this.#repaint());
  #lightbox = new Lightbox(this.#pictures, (at) => this.#return(at));

  constructor() {
    part("batch-more").addEventListener("click", () => this.#more());
    for (const id of ["batch-as-table", "batch-as-gallery"]) {
      part(id).addEventListener("click", () => this.#turnTo(id === "batch-as-gallery"));
    }
    for (const list of [part("batch-rows"), part("batch-tiles")]) {
      list.addEventListener("click", (event) => this.#onClick(event, list));
    }
    part("batch-tiles").addEventListener("keydown", (event) => this.#onKey(event));
    part("batch-these-csv").addEventListener("click", () => save(csvOf(this.#rows), `${this.#id}-part.csv`));
    part("batch-these-jsonl").addEventListener("click", () => save(jsonlOf(this.#rows), `${this.#id}-part.jsonl`));
  }

  // files: Map of a result's id -> file, of those that were sent from here.
  show(id, records, files) {
    this.#id = id;
    this.#records = records;
    this.#filter.records = records;
    this.#pictures.open(id, records, files);
    part("batch-results").hidden = false;
    this.#paint();
  }

  clear() {
    this.#lightbox.close();
    this.#records = [];
    this.#rows = [];
    this.#filter.clear();
    this.#order.clear();
    this.#pictures.close();
    part("batch-results").hidden = true;
    for (const id of ["batch-rows", "batch-tiles"]) part(id).replaceChildren();
  }

  get #isGallery() {
    return part("batch-as-gallery").ariaPressed === "true";
  }

  // The list of what is shown: rows or tiles.
  get #list() {
    return part(this.#isGallery ? "batch-tiles" : "batch-rows");
  }

  #turnTo(isGallery) {
    part("batch-as-gallery").ariaPressed = String(isGallery);
    part("batch-as-table").ariaPressed = String(!isGallery);
    this.#paint();
  }

  #repaint() {
    this.#paint();
    part("batch-announcement").textContent = part("batch-table-caption").textContent;
  }

  #paint() {
    this.#rows = this.#order.sorted(this.#filter.apply());
    this.#shown = 0;
    for (const id of ["batch-rows", "batch-tiles"]) part(id).replaceChildren();
    part("batch-table").hidden = this.#isGallery;
    part("batch-tiles").hidden = !this.#isGallery;
    part("batch-order").parentElement.hidden = !this.#isGallery;
    const [count, all] = [this.#rows.length, this.#records.length];
    part("batch-table-caption").textContent = count === all ? `${amount(all)} results` : `${amount(count)} of ${amount(all)} results`;
    part("batch-selected").hidden = count === all || !count;
    part("batch-none").hidden = count > 0;
    this.#more();
  }

  #more() {
    const first = this.#shown;
    const next = this.#rows.slice(first, first + PAGE);
    const draw = this.#isGallery ? tileOf : rowOf;
    this.#list.append(...next.map((record) => draw(record, this.#pictures)));
    if (!first && this.#isGallery) this.#rove(this.#list.querySelector("button"));
    this.#shown += next.length;
    const left = this.#rows.length - this.#shown;
    part("batch-more").hidden = left === 0;
    part("batch-more").textContent = `Show ${amount(Math.min(PAGE, left))} more`;
    part("batch-shown").textContent = left ? `${amount(this.#shown)} of ${amount(this.#rows.length)}` : "";
  }

  #onClick({ target }, list) {
    const item = target.closest("li, tr");
    const isReading = !target.closest("button") && String(getSelection());
    if (!item || target.closest("a") || isReading) return;
    this.#lightbox.open(this.#rows, [...list.children].indexOf(item));
  }

  // Where the focus was is another picture by now, perhaps of a page that was not shown yet.
  #return(at) {
    while (this.#shown <= at) this.#more();
    const button = this.#list.children[at]?.querySelector("button");
    if (button && this.#isGallery) this.#rove(button);
    button?.focus();
  }

  // Tab stops at one tile, and the arrow keys lead to the others.
  #rove(button) {
    for (const other of this.#list.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    if (button) button.tabIndex = 0;
  }

  #onKey(event) {
    const tiles = [...this.#list.querySelectorAll("button")];
    const at = tiles.indexOf(document.activeElement);
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: tiles.length - 1 - at };
    const goal = tiles[at + step[event.key]];
    if (at < 0 || !(event.key in step)) return;
    event.preventDefault();
    if (!goal) return;
    this.#rove(goal);
    goal.focus();
  }
}

const jsonlOf = (records) =>
  new Blob(records.map((record) => `${JSON.stringify(record)}\n`), { type: "application/jsonl" });
