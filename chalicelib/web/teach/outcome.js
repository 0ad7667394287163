// What came of a teaching: how often the model is right, label by label, and what to doubt.
import { amount, counted, make, part, share } from "../shared/dom.js";

export function showOutcome({ wanted, status: { figures, said } }) {
  const { right, of, interval, labels, notes, report } = figures;
  part("teach-right").textContent = `It was right on ${amount(right)} of ${counted(of, "picture")} that it did not learn from ` +
    `(${share(right / of)}; for others expect ${share(interval[0])} to ${share(interval[1])}).`;
  part("teach-rows").replaceChildren(...labels.map(row));
  part("teach-notes").replaceChildren(...[...notes, ...said.filter((line) => /^Left out/.test(line))].map((note) => make("li", "", note)));
  part("teach-report").textContent = report;
  part("teach-deploy").textContent = `make deploy STAGE=dev MODEL=${wanted.name}`;
}

function row({ label, right, of, taken_for: taken }) {
  const line = make("tr");
  const head = make("th", "", label);
  head.scope = "row";
  line.append(head, make("td", "", `${amount(right)} of ${amount(of)}`), make("td", "", taken || "–"));
  return line;
}
