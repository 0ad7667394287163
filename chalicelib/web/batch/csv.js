// Results as a CSV file, with the columns of `python -m tools.submit --out results.csv`.

const COLUMNS = ["id", "source", "label", "score", "labels", "error_code", "error_message", "truncated"];

// A cell that starts like a formula would be run by a spreadsheet; an apostrophe makes it text.
// https://owasp.org/www-community/attacks/CSV_Injection
const harmless = (text) => (/^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text);

// RFC 4180
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = harmless(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

function row({ id, source, labels, error, truncated }) {
  if (error) return [id, source, "", "", "", error.code, error.message, ""];
  const [best] = labels ?? [];
  return [id, source, best?.name ?? "", best?.score ?? "", JSON.stringify(labels ?? []), "", "", truncated ? "true" : ""];
}

const line = (values) => `${values.map(cell).join(",")}\r\n`;

// The mark of byte order tells Excel that it is UTF-8.
export function csvOf(records) {
  return new Blob(["\uFEFF", line(COLUMNS), ...records.map((record) => line(row(record)))], { type: "text/csv" });
}
