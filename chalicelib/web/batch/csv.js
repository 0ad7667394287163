// Results as a CSV file, with the columns of `python -m tools.submit --out results.csv`.
import { fileOf } from "../shared/files.js";

const UPLOADED = /^s3:\/\/[^/]+\/batches\//; // an address that says nothing to anybody
const LAST = ["model", "truncated", "error_code", "error_message", "address"];

// A cell that starts like a formula would be run by a spreadsheet; an apostrophe makes it text.
// https://owasp.org/www-community/attacks/CSV_Injection
const harmless = (text) => (/^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text);

// RFC 4180
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = harmless(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

const upTo = (count) => Array.from({ length: count }, (_, i) => i);

function row({ id, source, labels = [], model = "", error, truncated }, count) {
  const scored = upTo(count).flatMap((i) => [labels[i]?.name ?? "", labels[i]?.score ?? ""]);
  const address = UPLOADED.test(source) ? "" : source;
  return [id, fileOf({ id, source }), ...scored, model, truncated ? "true" : "", error?.code ?? "", error?.message ?? "", address];
}

const line = (values) => `${values.map(cell).join(",")}\r\n`;

// The mark of byte order tells Excel that it is UTF-8.
export function csvOf(records) {
  const count = records.reduce((most, { labels = [] }) => Math.max(most, labels.length), 1);
  const header = ["id", "file", ...upTo(count).flatMap((i) => [`label_${i + 1}`, `score_${i + 1}`]), ...LAST];
  return new Blob(["\uFEFF", line(header), ...records.map((record) => line(row(record, count)))], { type: "text/csv" });
}
