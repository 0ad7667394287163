// The state machine as a map: which state stands where, in a row or, on a phone, in a column.

// `state`: a name of workflow.asl.json, which tests/unit/test_workflow_graph.py compares with these;
// `twin`: the form it has for very long lists, of which a run takes the one or the other.
// row, column: [x, y, width, height] in the picture's units.
export const NODES = [
  { state: "Classify", twin: "Classify many", kind: "group", row: [252, 22, 220, 212], column: [24, 152, 312, 116],
    does: "Every chunk goes to both models side by side. What fails for a passing reason is tried again; " +
      "a chunk that is lost counts as errors." },
  { state: "Prepare", kind: "task", row: [0, 104, 118, 48], column: [100, 0, 160, 46],
    does: "The list is read, checked and cut into chunks." },
  { state: "Valid", kind: "choice", row: [144, 114, 28, 28], column: [166, 67, 28, 28] },
  { state: "Size", kind: "choice", row: [198, 114, 28, 28], column: [166, 110, 28, 28] },
  { state: "Champion", kind: "arm", row: [268, 62, 188, 70], column: [34, 192, 142, 66] },
  { state: "Challenger", kind: "arm", row: [268, 148, 188, 70], column: [184, 192, 142, 66] },
  { state: "Judge", kind: "task", row: [506, 104, 106, 48], column: [100, 296, 160, 46],
    does: "Both models' answers are set side by side, and tested for a difference that is more than chance." },
  { state: "Decide", kind: "choice", row: [642, 110, 36, 36], column: [162, 368, 36, 36] },
  { state: "Degraded", kind: "pass", row: [720, 42, 128, 48], column: [238, 436, 104, 46] },
  { state: "Keep", kind: "pass", row: [720, 104, 128, 48], column: [128, 436, 104, 46] },
  { state: "Promote", kind: "task", row: [720, 166, 128, 48], column: [18, 436, 104, 46],
    does: "The challenger takes the champion's place in the experiment." },
  { state: "Report", kind: "task", row: [886, 104, 112, 48], column: [100, 516, 160, 46],
    does: "The results and the report are written." },
  { state: "Done", kind: "end", row: [1026, 104, 94, 48], column: [130, 592, 100, 42] },
  { state: "Refuse", kind: "bad", row: [105, 186, 106, 36], column: [246, 63, 106, 36] },
  { state: "Fail", kind: "bad", row: [1034, 250, 86, 36], column: [24, 595, 86, 36] },
];

export const STEPS = [
  ["Prepare", "Valid"], ["Valid", "Size"], ["Size", "Classify"], ["Classify", "Judge"], ["Judge", "Decide"],
  ["Decide", "Degraded"], ["Decide", "Keep"], ["Decide", "Promote"],
  ["Degraded", "Report"], ["Keep", "Report"], ["Promote", "Report"], ["Report", "Done"],
];

// What leads to Fail when it is tried in vain; all meet on one line beside the others.
export const FALLIBLE = ["Prepare", "Classify", "Judge", "Promote", "Report"];

export const SIZES = { row: [1120, 290], column: [352, 636] };
const RAIL = { row: 268, column: 4 };

const middle = ([x, y, width, height]) => [x + width / 2, y + height / 2];

// The corners of the way from one node to another.
export function corners(layout, from, to) {
  const [fromX, fromY] = middle(from);
  const [toX, toY] = middle(to);
  if (layout === "row") {
    const [start, end] = [from[0] + from[2], to[0]];
    const turn = (start + end) / 2;
    return fromY === toY ? [[start, fromY], [end, toY]] : [[start, fromY], [turn, fromY], [turn, toY], [end, toY]];
  }
  const [start, end] = [from[1] + from[3], to[1]];
  const turn = (start + end) / 2;
  return fromX === toX ? [[fromX, start], [toX, end]] : [[fromX, start], [fromX, turn], [toX, turn], [toX, end]];
}

export function cornersToRefuse(layout, from, to) {
  const [[fromX, fromY], [toX, toY]] = [middle(from), middle(to)];
  return layout === "row" ? [[fromX, from[1] + from[3]], [toX, to[1]]] : [[from[0] + from[2], fromY], [to[0], toY]];
}

// The whole way, and its part up to the line that all share.
export function cornersToFail(layout, from, to) {
  const [[fromX, fromY], [, toY]] = [middle(from), middle(to)];
  const rail = RAIL[layout];
  const whole = layout === "row" ? [[fromX, from[1] + from[3]], [fromX, rail], [to[0], rail]] :
    [[from[0], fromY], [rail, fromY], [rail, toY], [to[0], toY]];
  return { whole, own: whole.slice(0, 2) };
}
