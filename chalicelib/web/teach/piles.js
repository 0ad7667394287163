// The pictures to teach with: a pile for each label, as cards that can be named, added to and taken away.
import { counted, make, part } from "../shared/dom.js";
import { pathOf, sortOut } from "../shared/files.js";
import { thumbnail } from "../shared/thumbnail.js";

const SHOWN = 6; // pictures of a card
const FEW = 3; // the least that a label needs
const GOOD = 10; // under which a label is told to want more

export class Piles {
  #piles = []; // {label, files}
  #onChange;
  #isHeld = false;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  get labelled() {
    return this.#piles.flatMap(({ label, files }) => files.map((file) => ({ label: label.trim(), file })));
  }

  // What keeps them from being taught; "" for nothing.
  get lack() {
    const names = this.#piles.map(({ label }) => label.trim());
    if (names.length < 2) return names.length ? "Add pictures of a second label. A model needs at least two." : "";
    if (names.includes("")) return "Name every label.";
    if (new Set(names.map((name) => name.toLowerCase())).size < names.length) return "Two labels have the same name.";
    const small = this.#piles.find(({ files }) => files.length < FEW);
    return small ? `“${small.label.trim()}” needs at least ${FEW} pictures.` : "";
  }

  // files: of folders, whose names are the labels, or loose ones. -> how many were no pictures
  add(files) {
    const { pictures, leftOut } = sortOut(files);
    for (const file of pictures) this.#pileFor(pathOf(file).split("/").at(-2) ?? "").files.push(file);
    this.#show();
    return Object.values(leftOut).reduce((sum, count) => sum + count, 0);
  }

  hold(isHeld) {
    this.#isHeld = isHeld;
    this.#show();
  }

  clear() {
    this.#piles = [];
    this.#show();
  }

  // Loose files are one pile more, to be named.
  #pileFor(label) {
    let pile = this.#piles.find((given) => given.label.trim() === label);
    if (!pile) this.#piles.push(pile = { label, files: [] });
    return pile;
  }

  #show() {
    part("teach-piles").replaceChildren(...this.#piles.map((pile) => this.#card(pile)));
    this.#onChange();
  }

  #card(pile) {
    const card = make("li", "pile");
    const name = make("input", "pile-name");
    Object.assign(name, { type: "text", value: pile.label, placeholder: "What are these?", maxLength: 100, disabled: this.#isHeld });
    name.setAttribute("aria-label", "Label");
    name.addEventListener("input", () => {
      pile.label = name.value;
      this.#onChange();
    });
    const drop = make("button", "link", "Remove");
    Object.assign(drop, { type: "button", disabled: this.#isHeld });
    drop.setAttribute("aria-label", `Remove ${pile.label || "these pictures"}`);
    drop.addEventListener("click", () => {
      this.#piles = this.#piles.filter((given) => given !== pile);
      this.#show();
      part("teach-question").focus();
    });
    const sheet = make("span", "pile-sheet");
    sheet.setAttribute("aria-hidden", "true");
    sheet.append(...pile.files.slice(0, SHOWN).map((file) => thumbnail("span", URL.createObjectURL(file))));
    const count = pile.files.length;
    const more = count < GOOD ? `; ${GOOD} or more are better` : "";
    card.append(name, drop, make("span", "small pile-count", counted(count, "picture") + more), sheet);
    return card;
  }
}
