// What the API and Step Functions say of a run, in words.
import { amount, counted } from "../../shared/dom.js";

const STATES = { running: "running", succeeded: "succeeded", failed: "failed", skipped: "not needed", waiting: "waiting" };
export const wordsForState = (status) => STATES[status] ?? status;

export const STATUS = {
  running: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  timed_out: "Timed out",
  aborted: "Stopped",
};

// What a list says of a run that changed more, or less, than its verdict tells.
export const ENDED = { promoted: "Promoted", degraded: "Degraded" };

export const ENDS = { failed: "It failed", timed_out: "It took too long", aborted: "It was stopped" };

export const OUTCOMES = {
  promoted: "Promoted: the challenger took the champion's place in the experiment.",
  kept: "Kept: the champion keeps its place.",
  degraded: "Degraded: too many pictures failed, so nothing was decided.",
};

const DOINGS = {
  Prepare: "Reading the list",
  Classify: "Classifying",
  Judge: "Judging",
  Promote: "Promoting",
  Report: "Writing the report",
};

export const doing = (state, images) =>
  (state === "Classify" && images ? `Classifying ${counted(images, "picture")}` : DOINGS[state] ?? state);

// The service's own code says whose fault it is, and what can be done about it.
const ADVICE = [
  [/^(BadRequest|SourceInvalid|ModelNotFound|SourceRefused|NotFound|ManifestEmpty)/,
    "Nothing was classified. Put right what is named here, then start a new run."],
  [/^(ServiceUnavailable|SourceUnreachable|States\.Timeout|TimeoutError|Sandbox\.Timedout)/,
    "It was tried again several times in vain. Start it anew when what did not answer is back."],
  [/^(Lambda\.TooManyRequests|Lambda\.)/,
    "Lambda could not run the task. Start the run anew; if it fails again, look at the function's log and concurrency."],
  [/^(Runtime\.|States\.)/, "Start the run anew; if it fails again, look at the log of the function that is named here."],
];

export const adviceOn = (error) => ADVICE.find(([pattern]) => pattern.test(error))?.[1] ??
  "Start the run anew; if it fails again, the log of the function that failed says more.";

// Lambda wraps a message in JSON; Step Functions hands it on as it is.
export function causeOf(cause = "") {
  try {
    return JSON.parse(cause).errorMessage ?? cause;
  } catch {
    return cause;
  }
}

const SHORT = 600;
export const shortened = (text) => (text.length > SHORT ? `${text.slice(0, SHORT)}…` : text);

export const chunksOf = (done, total, isLost) =>
  (isLost ? `${done} of ${total}, ${total > 1 ? "some " : ""}lost` : `${done} of ${counted(total, "chunk")}`);

// What the server calls a run that was started without a name: its time, in UTC, and a random end.
const UNNAMED = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{8}$/;
const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

export const isUnnamed = (name) => UNNAMED.test(name);

// "List-1f2e3d4c" -> "List": the random end keeps names apart, and tells a reader nothing.
export function titleOfRun(name) {
  if (!isUnnamed(name)) return name.replace(/-[0-9a-f]{8}$/, "").replace(/^./u, (first) => first.toUpperCase());
  const [year, month, ...rest] = UNNAMED.exec(name).slice(1).map(Number);
  return `Run of ${local.format(Date.UTC(year, month - 1, ...rest))}`;
}

const NAMED = 3;
// isCut: whether there are more than these, nobody knows how many.
function named(labels, isCut) {
  const rest = labels.length - NAMED;
  if (isCut && rest >= 0) return [...labels.slice(0, NAMED).map((label) => `“${label}”`), "others"].join(", ");
  const shown = labels.slice(0, rest === 1 ? NAMED + 1 : NAMED).map((label) => `“${label}”`);
  return (rest > 1 ? [...shown, `${amount(rest)} more`] : shown).join(", ");
}

// Right answers that will not count, as POST /workflows and a judgement tell them; "" where there are none.
export function unknownWords({ unknown_labels: unknown = [], known_to_one: partly = [] }, isCut = false) {
  const lines = [
    unknown.length && `No model here knows ${named(unknown, isCut)}.`,
    partly.length && `Only one of the two models knows ${named(partly, isCut)}.`,
  ].filter(Boolean);
  return lines.length ? `${lines.join(" ")} Pictures with these right answers are left out of the comparison.` : "";
}
