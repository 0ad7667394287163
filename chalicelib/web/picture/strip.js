// The strip of the pictures that the chosen model brings with it.
import { asProblem } from "../shared/api.js";
import { make, part } from "../shared/dom.js";
import { fileOf, samplesOf } from "../shared/samples.js";
import { fromFile } from "./sources.js";

let shown = null; // the address of the samples that are shown or on their way

// onPick(prepare): one was clicked; prepare() -> its source.
export async function showSamples(model, onPick) {
  const address = model?.samples ?? null;
  if (address === shown && address) return;
  shown = address;
  part("samples-given").hidden = !address;
  part("samples-problem").textContent = "";
  if (!address) return;
  try {
    const samples = await samplesOf(model);
    if (address === shown) fill(samples, onPick);
  } catch (error) {
    if (address !== shown) return;
    fill([], onPick);
    part("samples-problem").textContent = asProblem(error).message;
    shown = null;
  }
}

function fill(samples, onPick) {
  part("samples").replaceChildren(...samples.map((sample) => {
    const [button, image, item] = [make("button"), make("img"), make("li")];
    button.dataset.sample = sample.label;
    Object.assign(image, { src: sample.data, alt: sample.label, draggable: false });
    button.append(image);
    button.addEventListener("click", () => onPick(() => fromSample(sample)));
    item.append(button);
    return item;
  }));
  part("samples-credit").textContent = creditOf(samples);
}

// "Open Images (CC BY 2.0), US Navy (public domain)"
function creditOf(samples) {
  const credits = samples.map(({ source, licence }) => (source && licence ? `${source} (${licence})` : source || licence));
  return [...new Set(credits)].filter(Boolean).join(", ");
}

async function fromSample(sample) {
  const source = await fromFile(fileOf(sample), { name: sample.label });
  return { ...source, download: new URL(sample.url, document.baseURI).href };
}
