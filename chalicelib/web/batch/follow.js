// One open batch: looked at until it has ended, then its results.
import { Problem } from "../shared/api.js";
import { fetchResults, readResults } from "../shared/bucket.js";
import { cancelBatch, getBatch, retryBatch } from "./api.js";
import { csvOf } from "./csv.js";
import { Pace, showView } from "./progress.js";
import { Results } from "./results.js";
import { hideProblem, showActions, showProblem, showSheet } from "./view.js";
import { amount, make, part, save } from "../shared/dom.js";
import { pause, untilVisible } from "../shared/waiting.js";

const MAX_ROWS = 50_000; // what a browser holds at ease; the file has all
const SOONEST = 400; // ms between two looks, growing with the age of the following
const LATEST = 5000;

export class Follower {
  #results = new Results();
  #id = "";
  #kept = null;
  #view = null;
  #abort = new AbortController();
  #isOver = false;
  #isWhole = false; // whether all results are here

  // kept: {sources: Map of a result's id -> local file, pictures, note}, where its files came from here.
  open(id, kept) {
    if (id === this.#id && this.#isOver) return;
    this.close();
    this.#id = id;
    this.#kept = kept ?? null;
    part("batch-title").textContent = "Opening…";
    showSheet(kept?.pictures ?? []);
    this.#empty();
    this.#follow();
  }

  // Nothing is known of it: not yet, or not any more.
  #empty() {
    this.#view = null;
    part("batch-open").dataset.state = "opening";
    for (const text of ["batch-facts", "batch-caption"]) part(text).textContent = "";
    this.#actions({});
  }

  // Look no more, but leave what is shown to whoever comes back.
  rest() {
    this.#abort.abort();
  }

  close() {
    this.rest();
    this.#id = "";
    this.#view = null;
    this.#isOver = false;
    this.#results.clear();
  }

  async #follow() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const pace = new Pace();
    const start = performance.now();
    hideProblem();
    while (!signal.aborted) {
      await untilVisible(signal);
      const isFine = await this.#look(pace, signal);
      if (signal.aborted || this.#isOver) return;
      const age = performance.now() - start;
      await pause(isFine ? Math.min(LATEST, Math.max(SOONEST, age / 10)) : LATEST, signal);
    }
  }

  // Whether the server answered.
  async #look(pace, signal) {
    try {
      const view = await getBatch(this.#id);
      if (signal.aborted) return true;
      hideProblem();
      await this.#show(view, pace, signal);
      return true;
    } catch (problem) {
      if (signal.aborted) return true;
      const isPassing = problem.canRetry;
      this.#isOver = !isPassing;
      if (isMissing(problem)) this.#empty();
      if (!this.#view) part("batch-title").textContent = titleOf(problem);
      if (isMissing(problem)) showProblem(new Problem(MISSING, problem));
      else showProblem(problem, { again: () => this.#again() });
      return false;
    }
  }

  async #show(view, pace, signal) {
    this.#view = view;
    pace.add(view.counts.done);
    showView(view, pace);
    const isStopped = view.status === "cancelled" || view.status === "failed";
    const isOver = Boolean(view.finished_at); // until then a retry that was stopped links to the last round's results
    if (isOver) await this.#showResults(view, isStopped, signal);
    else this.#actions(isStopped ? { resume: () => this.#act(retryBatch) } : { cancel: () => this.#act(cancelBatch) });
    this.#isOver = isOver;
  }

  async #showResults({ results, counts: { done, failed }, retryable: again = failed, error }, isStopped, signal) {
    const records = done ? await readResults(results, MAX_ROWS, signal) : [];
    if (signal.aborted) return;
    showSheet([]);
    if (done) this.#results.show(this.#id, records, this.#kept?.sources);
    const models = [...new Set(records.map(({ model }) => model))].filter(Boolean);
    if (models.length) part("batch-facts").prepend(make("span", "", `By ${models.join(" and ")}`));
    this.#isWhole = records.length === done;
    const notes = [
      this.#isWhole ? "" : `Here are the first ${amount(records.length)} results; the JSONL file has all ${amount(done)}.`,
      records.some(hasMore) ? "A CSV contains only labels and scores; heat maps and embeddings are in the JSONL." : "",
    ];
    this.#actions({
      ...(isStopped && error?.retryable !== false ? { resume: () => this.#act(retryBatch) } : {}),
      ...(again && !isStopped ? { retry: () => this.#act(retryBatch), failed: again } : {}),
      ...(done ? { jsonl: () => this.#saveJsonl() } : {}),
      ...(done && this.#isWhole ? { csv: () => save(csvOf(records), `${this.#id}.csv`) } : {}),
    }, notes);
  }

  #actions(actions, more = []) {
    showActions({ ...actions, note: [this.#kept?.note, ...more].filter(Boolean).join(" ") });
  }

  async #act(action) {
    try {
      await action(this.#id);
      this.#again();
    } catch (problem) {
      showProblem(problem, { again: () => this.#again() }); // it may have ended in between: look again
    }
  }

  #again() {
    this.#isOver = false;
    this.#results.clear();
    this.#follow();
  }

  // The link of the view may have run out: it is good for up to an hour.
  async #saveJsonl() {
    try {
      const { results } = await getBatch(this.#id);
      if (!this.#isWhole) location.href = results;
      else save(await fetchResults(results), `${this.#id}.jsonl`);
    } catch (problem) {
      showProblem(problem instanceof Problem ? problem : new Problem("The results could not be fetched. Try again."));
    }
  }
}

const hasMore = ({ embedding, labels = [] }) => embedding || labels.some(({ heat_map: heat }) => heat);

const MISSING = "There is no batch at this address. Look for it under All batches.";
const isMissing = ({ code = "" }) => code.startsWith("NotFound");
const titleOf = (problem) => (isMissing(problem) ? "No such batch." : problem.title ?? "That did not work.");
