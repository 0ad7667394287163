// How far a batch is: the headline, the bar, the facts, in words.
import { costOfBatch } from "../shared/cost.js";
import { amount, counted, make, part, sizeOf } from "../shared/dom.js";
import { ago, originOf, span } from "../shared/words.js";

const WINDOW = 20_000; // ms that the pace is taken over

// The pace of late: images a second, 0 until it is known.
export class Pace {
  #seen = [];

  add(done, now = performance.now()) {
    this.#seen.push([now, done]);
    while (this.#seen.length > 2 && now - this.#seen[0][0] > WINDOW) this.#seen.shift();
  }

  get perSecond() {
    const [[start, before] = [0, 0]] = this.#seen;
    const [end, after] = this.#seen.at(-1) ?? [0, 0];
    return end > start ? Math.max(0, (after - before) / (end - start)) * 1000 : 0;
  }
}

export function showUploading({ files, total, bytes, totalBytes }) {
  write({
    state: "uploading",
    title: total === 1 ? "Sending one file" : `Sending ${amount(total)} pictures`,
    facts: [`${amount(files)} of ${amount(total)} sent`, totalBytes > 0 && `${sizeOf(bytes)} of ${sizeOf(totalBytes)}`],
    caption: "Keep this page open until all files are sent.",
    done: totalBytes ? bytes / totalBytes : 0,
  });
}

const TITLES = {
  queued: () => "Waiting for a worker",
  running: ({ total }) => `Looking at ${counted(total, "picture")}`,
  failed: ({ total, done }) => (done ? `Ended after ${amount(done)} of ${amount(total)}` : "It could not continue"),
  cancelled: ({ total, done }) => (done ? `Cancelled after ${amount(done)} of ${amount(total)}` : "Cancelled"),
  finished: ({ total, failed }) => {
    if (!total) return "There was nothing to classify";
    if (failed === total) return total === 1 ? "It failed" : `All ${amount(total)} failed`;
    if (failed) return `${amount(total - failed)} of ${amount(total)} classified`;
    return total === 1 ? "One picture classified" : `All ${amount(total)} classified`;
  },
};

export function showView(view, pace) {
  const { status, counts: { total, done, failed } } = view;
  const isUnderway = status === "queued" || status === "running";
  const origin = `From ${originOf(view.source)} · ${ago(view.created_at)} · ${view.batch_id}`;
  write({
    state: status,
    title: TITLES[status](view.counts),
    facts: isUnderway ? underway(view.counts, pace) : ended(view),
    caption: isUnderway ? `${origin} · It continues without this page; you find it here again.` : origin,
    done: total ? (done - failed) / total : 0,
    failed: total ? failed / total : 0,
  });
}

function underway({ total, done, failed }, pace) {
  if (!total) return [];
  const rate = pace.perSecond;
  return [
    `${amount(done)} of ${amount(total)} done`,
    failed && ["part-failed", `${amount(failed)} failed`],
    rate && `${rate < 10 ? rate.toFixed(1) : amount(Math.round(rate))} images a second`,
    rate && done < total && `about ${span((total - done) / rate)} left`,
  ];
}

function ended({ status, counts, labels, error, created_at: start, finished_at: end }) {
  const seconds = (new Date(end) - new Date(start)) / 1000;
  return [
    counts.failed > 0 && ["part-failed", `${amount(counts.failed)} failed`],
    labels && counted(Object.keys(labels).length, "different label"),
    seconds >= 0 && (seconds < 1 ? "under a second in all" : `${span(seconds)} in all`),
    counts.done > 0 && costOfBatch(counts.done),
    status === "cancelled" && counts.total > counts.done && `${amount(counts.total - counts.done)} not classified. Continue the batch to classify them.`,
    error?.message,
  ];
}

function write({ state, title, facts, caption, done, failed = 0 }) {
  part("batch-open").dataset.state = state;
  part("batch-title").textContent = title;
  part("batch-caption").textContent = caption;
  const bar = part("batch-bar");
  const percent = Math.round((done + failed) * 100);
  bar.style.setProperty("--done", done);
  bar.style.setProperty("--failed", failed);
  bar.setAttribute("aria-valuenow", String(percent));
  const items = facts.filter(Boolean).map((fact) => (Array.isArray(fact) ? make("span", ...fact) : make("span", "", fact)));
  part("batch-facts").replaceChildren(...items);
  announce(state, title, percent);
}

let announced = "";

// A screen reader hears of a change of state, and of every quarter.
function announce(state, title, percent) {
  const step = `${state} ${Math.floor(percent / 25)}`;
  if (step === announced) return;
  announced = step;
  const isUnderway = state === "running" || state === "uploading";
  part("batch-announcement").textContent = isUnderway ? `${title}: ${percent}%` : title;
}
