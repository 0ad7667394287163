// The picture that is being asked about, and the strip of those seen before.
import { part } from "../shared/dom.js";

const KEPT = 8;
const entries = [];
let shown = "";

export function showPicture({ name, preview, note }) {
  caption([name, note]);
  if (preview && preview === shown) return; // loading it again would flicker
  shown = preview;
  const picture = part("picture");
  part("stage-empty").hidden = true;
  part("stage-blind").hidden = true;
  picture.onerror = () => blind("No preview: there is no picture here that your browser can show.");
  picture.hidden = !preview;
  picture.alt = name;
  if (preview) picture.src = preview;
  else blind("No preview: only the server can see this address.");
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
  const cut = image.truncated && "the file is cut off, so a part was not seen";
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
  part("recent").hidden = entries.length < 2;
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
