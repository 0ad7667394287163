// What the server would refuse of a list is refused before it is sent, in the server's words (chalicelib/bulk): an empty
// file, a CSV without a column of addresses. Whatever takes more than a look is left to the server.
import { Problem } from "./api.js";

const HEAD = 64_000; // bytes that are looked at
const COLUMNS = ["url", "s3_uri", "source-ref"];
const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };

// name: that it will have in the bucket. Raises Problem.
export async function checkManifest(file, name) {
  const head = await file.slice(0, HEAD).text();
  if (/[\0\ufffd"]/.test(head)) return; // not UTF-8, or a CSV with quotes
  const isWhole = file.size <= HEAD;
  const all = head.split(/\r\n|\r|\n/).slice(0, isWhole ? undefined : -1);
  const lines = all.map((text, i) => ({ text, number: i + 1 })).filter(({ text }) => /^\s*[^\s#]/.test(text));
  const problem = /\.csv$/i.test(name) ? problemOfCsv(lines, isWhole) : isWhole && !lines.length && EMPTY;
  if (problem) throw new Problem(`${name} names no image. ${problem}`);
}

const EMPTY = "It is empty.";

function problemOfCsv(lines, isWhole) {
  const delimiter = delimiterOf(lines[0]?.text.trim() ?? "");
  const blanks = delimiter === "\t" ? /^[ \v\f]+|[ \v\f]+$/g : /^\s+|\s+$/g; // a tab may end an empty column
  const rows = lines
    .filter(({ text }, i) => i > 0 || !namedBy(text.trim()))
    .map(({ text, number }) => ({ number, fields: fieldsOf(text.replace(blanks, ""), delimiter) }))
    .filter(({ fields }) => fields.some(Boolean));
  const [header] = rows;
  if (header && !hasAddress(header.fields)) {
    return `Line ${header.number} of the manifest: the header of a CSV must have one of the columns ${COLUMNS.join(", ")}; ` +
      `this header, separated by ${DELIMITERS[delimiter] ?? `'${delimiter}'`}, has: ` +
      `${[...header.fields.join(", ")].slice(0, 100).join("")}.`;
  }
  return isWhole && rows.length < 2 && EMPTY;
}

const namedBy = (first) => /^sep=(.)$/i.exec(first)?.[1];
const fieldsOf = (text, delimiter) => text.split(delimiter).map((field) => field.trim().toLowerCase());
const hasAddress = (fields) => fields.some((field) => COLUMNS.includes(field));

function delimiterOf(first) {
  const all = Object.keys(DELIMITERS);
  const count = (delimiter) => first.split(delimiter).length;
  return namedBy(first) ?? all.find((delimiter) => hasAddress(fieldsOf(first, delimiter))) ??
    all.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}
