// A tab whose code is fetched when it is first opened; what it is asked until then waits for it.
import { part } from "./dom.js";

export class LazyTab {
  #load;
  #loading = null; // a promise of the tab
  #tab = null;
  #visit = 0; // counts the times it was left: what was asked before is void

  // load() -> a promise of the tab: {show(name), leave(), onFiles(files), onLines(text)}
  constructor(load) {
    this.#load = load;
  }

  show(name) {
    this.#ask((tab) => tab.show(name));
  }

  onFiles(files) {
    this.#ask((tab) => tab.onFiles(files));
  }

  onLines(text) {
    this.#ask((tab) => tab.onLines(text));
  }

  // For the tab Experiment: a model to be put to the test.
  compare(challenger) {
    this.#ask((tab) => tab.compare(challenger));
  }

  leave() {
    this.#visit += 1;
    this.#tab?.leave();
  }

  // What only matters to a tab that is there.
  refresh() {
    this.#tab?.refresh();
  }

  async #ask(what) {
    const visit = this.#visit;
    const tab = this.#tab ?? (await this.#arrived());
    if (tab && visit === this.#visit) what(tab);
  }

  async #arrived() {
    this.#loading ??= this.#load();
    try {
      this.#tab = await this.#loading;
    } catch (error) {
      this.#loading = null;
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

part("unloaded").querySelector("a").addEventListener("click", (event) => {
  event.preventDefault();
  location.reload(); // with the view that is open, which the link would lose
});
