// The parts of an open batch that its states share: problem, buttons, contact sheet.
import { Problem } from "../shared/api.js";
import { amount, make, part } from "../shared/dom.js";
import { thumbnail } from "../shared/thumbnail.js";

const ON_SHEET = 48;

// again(), goOn(): what its buttons do; without one there is no button.
export function showProblem(problem, { again = null, goOn = null } = {}) {
  const isOurs = problem instanceof Problem;
  if (!isOurs) console.error(problem);
  const message = isOurs ? problem.message : "Something in this page went wrong. Reload it, then try again.";
  const box = part("batch-problem");
  const [retry, skip] = box.querySelectorAll("button");
  box.hidden = false;
  box.querySelector("p").textContent = message;
  box.querySelector("code").textContent = problem.code ?? "";
  for (const [button, action] of [[retry, again], [skip, goOn]]) {
    button.hidden = !action;
    button.onclick = action;
  }
  part("batch-announcement").textContent = message;
}

export function hideProblem() {
  part("batch-problem").hidden = true;
}

// cancel(), retry(), jsonl(), csv(): each shown where it is given. failed: how many a retry would try.
export function showActions({ failed = 0, note = "", ...actions }) {
  for (const name of ["cancel", "retry", "resume", "jsonl", "csv"]) {
    const button = part(`batch-${name}`);
    button.hidden = !actions[name];
    button.disabled = false;
    button.onclick = actions[name] && (() => hold(button, actions[name]));
  }
  part("batch-retry").textContent = `Retry ${amount(failed)} failed`;
  part("batch-note").textContent = note;
  part("batch-note").hidden = !note;
}

async function hold(button, action) {
  button.disabled = true;
  try {
    await action();
  } finally {
    button.disabled = false;
  }
}

let shown = [];
let source = null;

// What is at hand of the pictures while there are no results yet.
export function showSheet(files) {
  if (files === source) return;
  source = files;
  for (const url of shown) URL.revokeObjectURL(url);
  const some = files.slice(0, ON_SHEET);
  shown = some.map((file) => URL.createObjectURL(file));
  const items = shown.map((url) => thumbnail("li", url));
  if (files.length > ON_SHEET) items.push(make("li", "sheet-more", `+ ${amount(files.length - ON_SHEET)}`));
  part("batch-sheet").replaceChildren(...items);
  part("batch-sheet").hidden = !items.length;
}
