// The map of the state machine, drawn as SVG; every state with its status as colour, sign and text.
import { make } from "../../shared/dom.js";
import { FALLIBLE, NODES, SIZES, STEPS, corners, cornersToFail, cornersToRefuse } from "./graph.js";
import { wordsForState } from "./words.js";

const ROUNDING = 8;
const SIGNS = {
  succeeded: "M-4.5 0.3 L-1.4 3.4 L4.6 -3.2",
  failed: "M-3.4 -3.4 L3.4 3.4 M3.4 -3.4 L-3.4 3.4",
  skipped: "M-4 0 L4 0",
};

function svg(tag, attributes = {}, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

function text(x, y, className, content = "") {
  return svg("text", { x, y, class: className }, content);
}

// A line with rounded corners through the points, and the head of an arrow at its end.
function arrow(points) {
  const [start, ...rest] = points;
  const [end, before] = [points.at(-1), points.at(-2)];
  const angle = Math.atan2(end[1] - before[1], end[0] - before[0]) * (180 / Math.PI);
  const bends = rest.slice(0, -1).map((corner, i) => bend(points[i], corner, points[i + 2])).join(" ");
  return [
    svg("path", { class: "way", d: `M${start.join(" ")} ${bends} L${end.join(" ")}` }),
    svg("path", { class: "head", d: "M0 0 L-8 -4.5 L-8 4.5 Z", transform: `translate(${end.join(" ")}) rotate(${angle})` }),
  ];
}

function bend(before, corner, after) {
  const near = ([x, y], [toX, toY]) => {
    const length = Math.hypot(toX - x, toY - y);
    const share = Math.min(ROUNDING, length / 2) / length;
    return `${x + (toX - x) * share} ${y + (toY - y) * share}`;
  };
  return `L${near(corner, before)} Q${corner.join(" ")} ${near(corner, after)}`;
}

function sign(x, y, isSmall) {
  const scale = isSmall ? 0.8 : 1;
  return svg("g", { class: "sign", transform: `translate(${x} ${y}) scale(${scale})` },
    svg("circle", { class: "disc", r: 9 }),
    svg("circle", { class: "ring", r: 8 }),
    svg("path", { class: "mark", d: "" }));
}

function shape({ state, kind }, [x, y, width, height], layout) {
  const [middleX, middleY] = [x + width / 2, y + height / 2];
  if (kind === "choice") {
    const points = [[middleX, y], [x + width, middleY], [middleX, y + height], [x, middleY]].join(" ");
    const label = layout === "row" ? text(middleX, y - 10, "name centred", state) : text(x - 10, middleY + 4.5, "name ended", state);
    return [svg("polygon", { class: "box", points }), sign(middleX, middleY, true), label];
  }
  const isTall = kind === "arm" || kind === "group";
  const line = isTall ? y + (kind === "arm" ? 24 : 22) : middleY;
  const left = x + (layout === "column" && width < 110 ? 17 : 21);
  const content = [
    svg("rect", { class: "box", x, y, width, height, rx: kind === "end" || kind === "bad" ? height / 2 : 10 }),
    sign(left, line, width < 110),
    text(left + (width < 110 ? 12 : 16), line + 5, "name", state),
  ];
  if (kind === "group") content.push(text(x + width - 16, line + 5, "count ended"));
  if (kind === "arm") {
    content.push(text(x + 16, y + 47, "count"),
      svg("rect", { class: "track", x: x + 16, y: y + height - 14, width: width - 32, height: 4, rx: 2 }),
      svg("rect", { class: "fill", x: x + 16, y: y + height - 14, width: width - 32, height: 4, rx: 2 }));
  }
  return content;
}

function way(from, to, className, points) {
  return { from, to, element: svg("g", { class: `edge ${className}` }, ...arrow(points)) };
}

// What is not taken is drawn up to the line that all share; the first draws that line.
function wayToFail(from, { whole, own }, isFirst) {
  const found = way(from, "Fail", isFirst ? "astray" : "astray is-branch", whole);
  if (!isFirst) found.element.prepend(svg("path", { class: "way own", d: `M${own.map((corner) => corner.join(" ")).join(" L")}` }));
  return found;
}

export class Graph {
  #host;
  #list;
  #isWide = matchMedia("(width >= 1000px)");
  #nodes = new Map();
  #ways = [];
  #shown = null;

  // host: gets the picture. list: gets the states as text, for those who do not see it.
  constructor(host, list) {
    this.#host = host;
    this.#list = list;
    this.#isWide.addEventListener("change", () => {
      this.#draw();
      if (this.#shown) this.show(this.#shown);
    });
    this.#draw();
  }

  #draw() {
    const layout = this.#isWide.matches ? "row" : "column";
    const placeOf = (state) => NODES.find((node) => node.state === state)[layout];
    const [width, height] = SIZES[layout];
    const picture = svg("svg", { class: `graph ${layout}`, viewBox: `-2 -2 ${width + 4} ${height + 4}`, "aria-hidden": "true" });
    this.#nodes = new Map(NODES.map((node) =>
      [node.state, svg("g", { class: `node ${node.kind}` }, ...shape(node, node[layout], layout))]));
    this.#ways = [
      ...FALLIBLE.map((from, i) => wayToFail(from, cornersToFail(layout, placeOf(from), placeOf("Fail")), i === 0)),
      way("Valid", "Refuse", "astray", cornersToRefuse(layout, placeOf("Valid"), placeOf("Refuse"))),
      ...STEPS.map(([from, to]) => way(from, to, "", corners(layout, placeOf(from), placeOf(to)))),
    ];
    const [group, ...nodes] = this.#nodes.values();
    picture.append(group, svg("g", {}, ...this.#ways.map(({ element }) => element)), ...nodes);
    this.#host.replaceChildren(picture);
  }

  // shown: {states: Map of state -> status, counts: Map of state -> {text, share 0..1}}
  show(shown) {
    this.#shown = shown;
    for (const [state, element] of this.#nodes) {
      const status = shown.states.get(state);
      element.dataset.status = status;
      element.querySelector(".mark").setAttribute("d", signOf(state, status));
      const count = shown.counts.get(state);
      const counter = element.querySelector(".count");
      if (counter) counter.textContent = count?.text ?? "";
      element.querySelector(".fill")?.style.setProperty("transform", `scaleX(${count?.share ?? 0})`);
    }
    for (const { from, to, element } of this.#ways) {
      const taken = isTaken(shown.states, from, to);
      element.classList.toggle("is-taken", taken);
      if (taken) element.parentNode.append(element); // above the others, which it may share a line with
    }
    this.#list.replaceChildren(...NODES.map(({ state }) => make("li", "", sentence(state, shown))));
  }
}

const isEnd = (state) => state === "Fail" || state === "Refuse";
const signOf = (state, status) => SIGNS[isEnd(state) ? "failed" : status] ?? "";

function sentence(state, { states, counts }) {
  return `${[state, counts.get(state)?.text].filter(Boolean).join(", ")}: ${wordsForState(states.get(state))}`;
}

const hasRun = (status) => ["running", "succeeded", "failed"].includes(status);

function isTaken(states, from, to) {
  if (to === "Fail") return states.get("Fail") === "failed" && states.get(from) === "failed";
  return hasRun(states.get(from)) && hasRun(states.get(to));
}
