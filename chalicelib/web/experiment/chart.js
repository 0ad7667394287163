// What is known of each arm: its accuracy as a dot and its 95% interval as a line, on one axis.
import { amount, counted, make, part, share } from "../shared/dom.js";
import { roleOf } from "../shared/experiment.js";

const LEAST_SPAN = 0.2; // of the axis, or a hair's breadth looks like a gulf
const MOST_TICKS = 6;

const whole = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
export const percent = (value) => whole.format(value);

const points = (difference) => {
  const size = Math.abs(difference * 100).toLocaleString("en", { maximumFractionDigits: 1 });
  return `${size} ${size === "1" ? "point" : "points"}`;
};

// As the service's own words have it: with more digits if three would hide on which side of 0.05 it is.
function pValue(p) {
  if (p < 0.001) return "< 0.001";
  if (p.toFixed(3) !== "0.050" || p === 0.05) return p.toFixed(3);
  if (p.toFixed(5) === "0.05000") return p < 0.05 ? "< 0.05" : "> 0.05";
  return p.toFixed(5);
}

const rangeOf = ([low, high]) => `${(low * 100).toFixed(1)} to ${share(high)}`;

// -> {low, high, ticks}: a part of 0..1 with room for every interval, and round numbers on it.
export function axisFor(arms) {
  const ends = arms.flatMap(({ interval }) => interval ?? []);
  if (!ends.length) return { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1] };
  const middle = (Math.min(...ends) + Math.max(...ends)) / 2;
  const span = Math.max(LEAST_SPAN, (Math.max(...ends) - Math.min(...ends)) * 1.1);
  const step = [0.05, 0.1, 0.2, 0.25].find((size) => span / size <= MOST_TICKS - 2) ?? 0.25;
  const first = Math.max(0, Math.floor((middle - span / 2) / step));
  const last = Math.min(Math.round(1 / step), Math.ceil((middle + span / 2) / step));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { low: ticks[0], high: ticks.at(-1), ticks };
}

// titleOf(name): what a person calls the model.
export function showChart(view, titleOf) {
  const axis = axisFor(view.arms);
  const place = (value) => (value - axis.low) / (axis.high - axis.low);
  const champion = view.arms.find(({ name }) => name === view.champion);
  part("arms").replaceChildren(...view.arms.map((arm) => itemOf(arm, view, titleOf, axis, place, champion)));
  part("axis").replaceChildren(...axis.ticks.map((tick) => at(make("span", "tick", percent(tick)), place(tick))));
  part("accuracy-note").textContent = noteOn(view.arms, champion, axis);
  part("arms-rows").replaceChildren(...view.arms.map((arm) => rowOf(arm, view, titleOf)));
}

function noteOn(arms, champion, { low }) {
  if (!arms.some(({ votes }) => votes)) return "";
  return [
    "The line is the 95% confidence interval. It gets shorter with more votes.",
    arms.length > 1 && champion?.votes > 0 && "The dotted line marks the champion.",
    low > 0 && `The axis starts at ${percent(low)}.`,
  ].filter(Boolean).join(" ");
}

function at(element, where) {
  element.style.setProperty("--at", where);
  return element;
}

function itemOf(arm, view, titleOf, { ticks }, place, champion) {
  const { name, weight, votes, correct, accuracy, interval } = arm;
  const role = roleOf(name, view);
  const strip = make("div", "arm-strip");
  strip.setAttribute("aria-hidden", "true");
  strip.append(...ticks.map((tick) => at(make("span", "grid"), place(tick))));
  if (role !== "champion" && champion?.votes) strip.append(at(make("span", "goal"), place(champion.accuracy)));
  if (votes) strip.append(intervalLine(interval.map(place)), at(make("span", "dot"), place(accuracy)));
  const heading = make("p", "arm-name");
  heading.append(make("strong", "", titleOf(name)), " ", make("span", "small", weight > 0 || role === "champion" ? role : "gets no traffic"));
  const facts = votes ? `${amount(correct)} of ${counted(votes, "vote")} · 95% interval ${rangeOf(interval)}` : "No votes yet";
  const item = make("li", `arm is-${role}`);
  item.append(heading, make("p", "arm-accuracy", votes ? share(accuracy) : "–"), make("p", "arm-facts", facts), strip);
  return item;
}

function intervalLine([low, high]) {
  const line = make("span", "interval");
  line.style.setProperty("--low", low);
  line.style.setProperty("--high", high);
  return line;
}

function rowOf({ name, weight, votes, accuracy, interval }, view, titleOf) {
  const { difference = null, p_value: p = null } = view.comparisons.find(({ challenger }) => challenger === name) ?? {};
  const heading = make("th", "", titleOf(name));
  heading.scope = "row";
  const cells = [
    percent(weight),
    amount(votes),
    votes ? share(accuracy) : "–",
    interval ? rangeOf(interval) : "–",
    difference === null ? "–" : `${points(difference)} ${difference < 0 ? "lower" : "higher"}`,
    p === null ? "–" : pValue(p),
  ];
  const row = make("tr");
  row.append(heading, ...cells.map((text) => make("td", "", text)));
  return row;
}
