// A tab whose code is fetched when it is first opened; what it is given until then waits for it.
import { part } from "./dom.js";

const missed = new Set(); // tabs whose code did not arrive

export class LazyTab {
  #load;
  #loading = null; // a promise of the tab
  #tab = null;
  #name = null; // what it is to show once it is here, or null
  #given = []; // what it is to be told then, in order
  #isOpen = false;

  // load() -> a promise of the tab: {show(name), leave(), onFiles(files), onLines(text)}
  constructor(load) {
    this.#load = load;
  }

  show(name) {
    this.#isOpen = true;
    this.#name = name;
    this.turn();
  }

  onFiles(files) {
    this.#give((tab) => tab.onFiles(files));
  }

  onLines(text) {
    this.#give((tab) => tab.onLines(text));
  }

  // For the tab Experiment: a model to be put to the test.
  compare(challenger) {
    this.#give((tab) => tab.compare(challenger));
  }

  leave() {
    this.#isOpen = false;
    this.#name = null;
    this.#tab?.leave();
  }

  // What only matters to a tab that is there.
  refresh() {
    this.#tab?.refresh();
  }

  #give(what) {
    this.#given.push(what);
    this.turn();
  }

  // Does what waits, if the tab is open; else what was given waits until it is opened again.
  async turn() {
    const tab = this.#tab ?? (await this.#arrived());
    if (!tab || !this.#isOpen) return;
    const name = this.#name;
    this.#name = null;
    if (name !== null) tab.show(name);
    for (const tell of this.#given.splice(0)) tell(tab);
  }

  async #arrived() {
    this.#loading ??= this.#load();
    try {
      this.#tab = await this.#loading;
      if (missed.delete(this) && !missed.size) part("unloaded").hidden = true;
    } catch (error) {
      this.#loading = null;
      missed.add(this);
      console.warn(error);
      showUnloaded();
    }
    return this.#tab;
  }
}

export function showUnloaded() {
  part("unloaded").hidden = false;
  part("unloaded").classList.add("is-certain");
}

// A tab is asked for once more, which keeps what it was given; a browser may hold on to the failure, so then the page.
let isAgain = false;
part("unloaded").querySelector("a").addEventListener("click", async (event) => {
  event.preventDefault();
  if (isAgain || !missed.size) return location.reload(); // with the view that is open, which the link would lose
  await Promise.all([...missed].map((tab) => tab.turn()));
  isAgain = missed.size > 0;
});
