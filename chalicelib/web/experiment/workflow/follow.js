// One open run: looked at until it has ended.
import { pause, untilVisible } from "../../shared/waiting.js";
import { getRun } from "./api.js";
import { forgetReport } from "./report.js";
import { RunView } from "./view.js";

const SOONEST = 500; // ms between two looks, growing with the age of the following
const LATEST = 5000;
const SECOND = 1000;

export class RunFollower {
  #view = new RunView();
  #name = "";
  #kept = null;
  #isOver = false;
  #abort = new AbortController();

  // kept: {files: Map of id -> file}, where the pictures came from here.
  open(name, kept) {
    if (name === this.#name && this.#isOver) return;
    this.rest();
    this.#name = name;
    this.#kept = kept ?? null;
    this.#isOver = false;
    forgetReport();
    this.#view.clear(name);
    this.#follow();
  }

  // Look no more, but leave what is shown to whoever comes back.
  rest() {
    this.#abort.abort();
  }

  async #follow() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#keepTime(signal);
    const start = performance.now();
    while (!signal.aborted) {
      await untilVisible(signal);
      const isFine = await this.#look(signal);
      if (signal.aborted || this.#isOver) break;
      const age = performance.now() - start;
      await pause(isFine ? Math.min(LATEST, Math.max(SOONEST, age / 10)) : LATEST, signal);
    }
    this.#abort.abort();
  }

  async #keepTime(signal) {
    while (!signal.aborted) {
      await pause(SECOND, signal);
      if (!signal.aborted) this.#view.tick();
    }
  }

  // Whether the server answered.
  async #look(signal) {
    try {
      const view = await getRun(this.#name);
      if (signal.aborted) return true;
      this.#view.show(view, this.#kept);
      this.#isOver = view.status !== "running";
      return true;
    } catch (problem) {
      if (signal.aborted) return true;
      this.#isOver = !problem.canRetry;
      this.#view.showProblem(problem, () => this.#again());
      return false;
    }
  }

  #again() {
    this.#isOver = false;
    this.#follow();
  }
}
