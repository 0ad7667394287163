// A result enlarged: its picture, its labels, and the way to the results before and after it.
import { amount, make, part, share } from "../shared/dom.js";
import { nameOf } from "../shared/files.js";
import { showUnloaded } from "../shared/lazytab.js";
import { whyNot } from "../shared/thumbnail.js";
import { wordsFor } from "../shared/words.js";
import { said } from "./tile.js";

const [dialog, image, blank, link] = ["", "-picture", "-blank", "-link"].map((name) => part(`lightbox${name}`));

export class Lightbox {
  #rows = [];
  #at = 0;
  #pictures;
  #why = null; // what shows heat maps, once it is there

  // onClosed(at): with the place of the result that was shown last.
  constructor(pictures, onClosed) {
    this.#pictures = pictures;
    part("lightbox-back").addEventListener("click", () => this.#go(this.#at - 1));
    part("lightbox-next").addEventListener("click", () => this.#go(this.#at + 1));
    part("lightbox-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    dialog.addEventListener("close", () => {
      image.removeAttribute("src");
      if (this.#rows.length) onClosed(this.#at);
    });
  }

  open(rows, at) {
    this.#rows = rows;
    dialog.showModal();
    part("lightbox-name").focus();
    this.#go(at);
  }

  // With what it is about.
  close() {
    this.#rows = [];
    dialog.close();
  }

  #onKey(event) {
    const goal = { ArrowRight: this.#at + 1, ArrowLeft: this.#at - 1, Home: 0, End: this.#rows.length - 1 }[event.key];
    if (goal === undefined || event.target.matches("input")) return; // which has a use for these keys itself
    event.preventDefault();
    this.#go(goal);
  }

  #go(at) {
    if (!this.#rows[at]) return;
    this.#at = at;
    const record = this.#rows[at];
    const place = `${amount(at + 1)} of ${amount(this.#rows.length)}`;
    part("lightbox-name").replaceChildren(...breakable(nameOf(record)));
    part("lightbox-place").textContent = place;
    part("lightbox-said").replaceChildren(...itemsOf(record));
    part("lightbox-model").textContent = record.model ? `by ${record.model}` : "";
    part("lightbox-announcement").textContent = `${place}: ${nameOf(record)}, ${said(record).filter(Boolean).join(" ")}`;
    // a button that cannot be used any more keeps the focus, unlike one that is disabled
    part("lightbox-back").ariaDisabled = String(at === 0);
    part("lightbox-next").ariaDisabled = String(at === this.#rows.length - 1);
    this.#show(record);
  }

  async #show(record) {
    const isStill = () => this.#rows[this.#at] === record;
    for (const each of [image, link]) each.hidden = true;
    this.#why?.hide();
    blank.textContent = "";
    const { address, reason } = await this.#pictures.find(record);
    if (!isStill()) return;
    if (!address) {
      blank.textContent = reason;
      return;
    }
    image.alt = nameOf(record);
    image.onload = () => {
      if (!isStill()) return;
      image.hidden = false;
      this.#explain(record, isStill);
      link.hidden = !/^https?:/i.test(address);
      link.href = address;
      link.textContent = address === record.source ? "Open its URL" : "Save the picture";
    };
    image.onerror = async () => {
      const why = await whyNot(address);
      if (isStill()) blank.textContent = why;
    };
    image.src = address;
  }

  async #explain({ labels = [] }, isStill) {
    const explained = labels.filter(({ heat_map: heat }) => heat);
    if (!explained.length) return;
    try {
      this.#why ??= new (await import("../picture/why.js")).HeatMaps("lightbox-why");
      const size = { width: image.naturalWidth, height: image.naturalHeight };
      if (isStill()) this.#why.show(explained, size, image.parentElement);
    } catch (error) {
      console.warn(error);
      showUnloaded();
    }
  }
}

// A long path is broken between its folders, rather than anywhere.
const breakable = (path) => path.split(/(?<=\/)/).flatMap((folder) => [make("wbr"), folder]);

function itemsOf({ error, labels = [] }) {
  if (error) return [trouble(error)];
  return labels.length ? labels.map(labelOf) : [make("li", "", "Nothing that it knows")];
}

function labelOf({ name, score }) {
  const item = make("li", "label");
  const bar = make("span", "bar");
  bar.style.setProperty("--score", score);
  item.append(make("span", "label-name", name), make("span", "label-share", share(score)), bar);
  return item;
}

function trouble({ code, message }) {
  const item = make("li");
  item.append(make("strong", "row-error", wordsFor(code)), make("span", "", message));
  return item;
}
