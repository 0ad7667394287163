// What the form shows of the pictures it was given, and of their way to the bucket.
import { asProblem } from "../../shared/api.js";
import { amount, counted, make, part, sizeOf } from "../../shared/dom.js";
import { thumbnail } from "../../shared/thumbnail.js";
import { tally } from "./material.js";

const ON_SHEET = 24;
const LABELS = 8;
let shown = null;
let urls = [];

export function showMaterial(material) {
  if (material === shown) return;
  shown = material;
  part("workflow-empty").hidden = Boolean(material);
  part("workflow-tray").hidden = !material;
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
  if (!material) return;
  const { count, title, labels, pictures, note } = material;
  part("workflow-given").textContent = count === null ? `The list “${title}”` : counted(count, "picture");
  part("workflow-labels").replaceChildren(...labelItems(count, tally(labels)));
  part("workflow-sheet").replaceChildren(...thumbnailsOf(material));
  part("workflow-note").textContent = [hintOn(material), note].filter(Boolean).join(" ");
}

function labelItems(count, counts) {
  const rest = counts.length - LABELS;
  const items = counts.slice(0, rest === 1 ? LABELS + 1 : LABELS).map(([label, many]) => {
    const item = make("li", "", label);
    item.append(" ", make("span", "chip-count", amount(many)));
    return item;
  });
  if (rest > 1) items.push(make("li", "tray-more", `and ${amount(rest)} more labels`));
  return items;
}

function hintOn({ count, labels }) {
  if (count === null) return "Its column or field “label” holds the right answers.";
  const known = labels.filter(Boolean).length;
  if (!known) return "Without right answers the models can only be compared with each other.";
  return known < count ? `The right answer is known for ${amount(known)} of them.` : "";
}

// Of addresses only those of this page: what is half typed leads anywhere.
function thumbnailsOf({ pictures, addresses }) {
  urls = pictures.slice(0, ON_SHEET).map((file) => URL.createObjectURL(file));
  const isOwn = (address) => address.startsWith(`${location.origin}/`);
  const own = addresses.filter(isOwn).slice(0, ON_SHEET);
  const items = [...urls, ...own].map((url) => thumbnail("li", url));
  if (pictures.length > ON_SHEET) items.push(make("li", "tray-more", `+ ${amount(pictures.length - ON_SHEET)}`));
  return items;
}

// state: {files, total, bytes, totalBytes} of the sending; null when nothing is under way.
export function showSending(state) {
  part("workflow-sending").textContent = state ? sentence(state) : "";
}

const sentence = ({ files, total, bytes, totalBytes }) =>
  `Sending: ${amount(files)} of ${amount(total)}, ${sizeOf(bytes)} of ${sizeOf(totalBytes)}`;

// again(), goOn(): what its buttons do; without one there is no button.
export function showRefusal(error, { again = null, goOn = null, goOnWords = "Go on without them", lead = "" } = {}) {
  const box = part("workflow-refusal");
  box.hidden = !error;
  if (!error) return;
  const { message, code } = asProblem(error);
  const [retry, skip] = box.querySelectorAll("button");
  box.querySelector("p").textContent = lead + message;
  box.querySelector("code").textContent = code;
  for (const [button, action] of [[retry, again], [skip, goOn]]) {
    button.hidden = !action;
    button.onclick = action;
  }
  skip.textContent = goOnWords;
}
