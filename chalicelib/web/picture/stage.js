// The picture that is being asked about, and the strip of those seen before.
import { part } from "../shared/dom.js";

const KEPT = 8;
const entries = [];
let shown = "";

export function showPicture({ name, preview, note, json }) {
  caption([name, note]);
  if (preview && preview === shown) return; // loading it again would flicker
  shown = preview;
  const picture = part("picture");
  part("stage-empty").hidden = true;
  part("stage-blind").hidden = true;
  picture.onerror = () => blind(`No preview: your browser ${json ? "gets no picture from this address" : "cannot show this file"}.`);
  picture.hidden = !preview;
  picture.alt = name;
  if (preview) picture.src = preview;
  else blind("No preview: only the server can open this URL.");
}

export function takeDown() {
  shown = "";
  caption([]);
  part("picture").hidden = true;
  part("stage-blind").hidden = true;
  part("stage-empty").hidden = false;
}

function blind(sentence) {
  part("picture").hidden = true;
  part("stage-blind").hidden = false;
  part("stage-blind").textContent = sentence;
}

// image: {width, height, format, truncated} as the server saw it.
export function describePicture({ name, note }, image) {
  const cut = image.truncated && "the file is truncated, so a part is missing";
  caption([name, `${image.width} × ${image.height} ${image.format}`, cut, note]);
}

function caption(parts) {
  part("caption").textContent = parts.filter(Boolean).join(" · ");
}

// A drawing that grows replaces its own earlier entry (same `key`) instead of filling the strip.
export function remember(entry, onPick) {
  const key = entry.source.key ?? entry.source.preview ?? entry.source.name;
  const before = entries.findIndex((other) => other.key === key);
  if (before >= 0) forget(before, entry.source.preview);
  entries.unshift({ ...entry, key });
  if (entries.length > KEPT) forget(KEPT);
  paint(onPick);
  later(({ keep }) => keep(entries));
}

// What earlier visits left: of a file there is a small copy alone, which stands for it but is not sent.
export async function restore(onPick) {
  if (!isAnythingKept()) return;
  const { recall } = await import("./kept.js");
  entries.push(...recall().slice(0, KEPT).map((entry, i) => {
    const { json, thumb, preview, note } = entry.source;
    const said = [note, !json && "a small copy, from an earlier visit"].filter(Boolean).join(" · ");
    return { ...entry, isEarlier: true, key: json ? entry.key : `earlier ${i}`, source: { ...entry.source, note: said, preview: preview || thumb, isSmall: !json } };
  }));
  paint(onPick);
}

export function forgetAll() {
  while (entries.length) forget(0, shown);
  paint();
  return later(forgetKept);
}

// At once, for whoever leaves the page: what is under way must not be waited for.
export function forgetKept() {
  try {
    for (const key of Object.keys(localStorage).filter(isOfAnswers)) localStorage.removeItem(key);
  } catch { // where nothing can be kept, nothing is
  }
}

let queue = Promise.resolve(); // one after the other, so that the last is what stays

function later(work) {
  queue = queue.then(async () => work(await import("./kept.js"))).catch(console.error);
  return queue;
}

const isOfAnswers = (key) => key.startsWith("recent answers of ");

// Asked without fetching any code, at the start of every visit.
function isAnythingKept() {
  try {
    return Object.keys(localStorage).some(isOfAnswers);
  } catch {
    return false;
  }
}

function paint(onPick) {
  part("recent").hidden = entries.length < 2 && !entries.some(({ isEarlier }) => isEarlier); // one alone is on show
  part("recent-list").replaceChildren(...entries.map((each) => thumbnail(each, onPick)));
}

function forget(index, inUse) {
  const [{ source: { preview } }] = entries.splice(index, 1);
  if (preview?.startsWith("blob:") && preview !== inUse) URL.revokeObjectURL(preview);
}

function thumbnail(entry, onPick) {
  const { source, answer } = entry;
  const top = answer.predictions[0].labels[0]?.name ?? "nothing";
  const button = document.createElement("button");
  const image = document.createElement("img");
  Object.assign(image, { alt: "", draggable: false, referrerPolicy: "no-referrer" });
  image.onerror = () => image.remove();
  if (source.preview) image.src = source.preview;
  const label = document.createElement("span");
  label.textContent = top;
  button.title = `${top}: ${source.name}`;
  button.append(image, label);
  button.addEventListener("click", () => onPick(entry));
  const item = document.createElement("li");
  item.append(button);
  return item;
}
