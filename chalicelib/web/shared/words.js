// What the API says in codes, in words.

const WORDS = {
  BadRequest: "Bad line",
  BodyTooLarge: "Too large",
  ImageTooLarge: "Too large",
  ImageUnreadable: "Not readable",
  ModelInvalid: "Model damaged",
  ModelNotFound: "No such model",
  SourceInvalid: "Not an address",
  SourceRefused: "Refused by its host",
  SourceUnreachable: "No answer",
};

export const wordsFor = (code) => WORDS[code] ?? code.replace(/(?<=[a-z])(?=[A-Z])/g, " ");

const isUri = (source) => source.startsWith("s3://");

// "10 instances" -> "a list of 10"; "s3://images/batches/holiday-1f2e3d4c/" -> "holiday"
export function originOf(source) {
  const [, count] = /^([\d,]+) instances?$/.exec(source) ?? [];
  if (count) return count === "1" ? "one address" : `a list of ${count}`;
  if (!isUri(source)) return source;
  const [, folder] = /\/([^/]+)-[0-9a-f]{8}\/\1\.jsonl$/.exec(source) ?? [];
  if (folder) return folder; // the list of a folder's files that the page put there itself
  const last = source.replace(/\/$/, "").split("/").pop();
  return source.endsWith("/") ? last.replace(/-[0-9a-f]{8}$/, "") : last;
}

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(date) {
  const seconds = (Date.now() - new Date(date)) / 1000;
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.floor(seconds / length), unit) : "just now";
}

export function span(seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export const STATUS = { queued: "Waiting", running: "Running", finished: "Finished", cancelled: "Cancelled", failed: "Ended early" };
