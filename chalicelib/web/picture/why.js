// Where the model saw its labels: a heat map over the picture, label by label. Fetched when it is first asked for.
import { make, part, share } from "../shared/dom.js";

const LONGEST = 640; // pixels of the overlay, which is drawn smoothly
const LINE = 8; // of them, round a region: half of it white, the rest a black edge on either side

export class HeatMaps {
  #box;
  #overlay = make("canvas", "heat");
  #choices;
  #said;
  #labels = [];
  #image = null;

  // id: of the fieldset that has the choice of a label, the slider and the sentence; its parts' ids begin with it.
  constructor(id) {
    this.#box = part(id);
    this.#overlay.id = `${id}-heat`;
    this.#overlay.setAttribute("aria-hidden", "true"); // the sentence says it in words
    [this.#choices, this.#said] = [part(`${id}-labels`), part(`${id}-said`)];
    this.#choices.addEventListener("change", ({ target }) => this.#choose(Number(target.value)));
    part(`${id}-strength`).addEventListener("input", ({ target }) => (this.#overlay.style.opacity = target.value / 100));
  }

  // labels: those with a heat_map. image: {width, height} of the upright picture. stage: where it is shown.
  show(labels, image, stage) {
    [this.#labels, this.#image] = [labels, image];
    const scale = LONGEST / Math.max(image.width, image.height);
    [this.#overlay.width, this.#overlay.height] = [image.width, image.height].map((side) => Math.round(side * scale) || 1);
    stage.append(this.#overlay);
    this.#choices.replaceChildren(...labels.map((label, place) => choice(label, place, this.#box.id)));
    this.#box.hidden = false;
    this.#choose(0);
  }

  hide() {
    this.#overlay.remove();
    this.#box.hidden = true;
  }

  #choose(place) {
    const { name, heat_map: heat } = this.#labels[place];
    paint(this.#overlay, heat, this.#overlay.width / this.#image.width);
    this.#said.textContent = inWords(name, heat, this.#image);
  }
}

function choice({ name, score }, place, group) {
  const label = make("label", "why-label");
  const radio = Object.assign(make("input"), { type: "radio", name: group, value: place, checked: place === 0 });
  label.append(radio, make("span", "", `${name} ${share(score)}`));
  return label;
}

// What speaks for the label stays bright, the rest goes dark: no colour of the picture is changed.
function paint(overlay, { width, height, values, regions }, scale) {
  const small = Object.assign(document.createElement("canvas"), { width, height });
  const shade = new ImageData(width, height);
  [...atob(values)].forEach((byte, cell) => (shade.data[4 * cell + 3] = 255 - byte.charCodeAt(0)));
  small.getContext("2d").putImageData(shade, 0, 0);
  const context = overlay.getContext("2d");
  context.clearRect(0, 0, overlay.width, overlay.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, overlay.width, overlay.height);
  const inset = LINE / 2; // the whole line is inside the picture, also where the region ends with it
  for (const [colour, line] of [["#000", LINE], ["#fff", LINE / 2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: line });
    for (const { x, y, width: w, height: h } of regions) {
      context.strokeRect(x * scale + inset, y * scale + inset, w * scale - LINE, h * scale - LINE);
    }
  }
}

const third = (place, side) => Math.min(2, Math.floor((3 * place) / side));

function inWords(name, { method, regions }, image) {
  const how = method === "occlusion" ? " The service covered parts of the picture to find this out." : "";
  if (!regions.length) return `No part of the picture speaks for ${name}.${how}`;
  const places = regions.map(({ x, y, width, height }) => {
    const row = ["top", "middle", "bottom"][third(y + height / 2, image.height)];
    const column = ["left", "centre", "right"][third(x + width / 2, image.width)];
    return row === "middle" && column === "centre" ? "in the middle" : `at the ${row} ${column}`;
  });
  return `What speaks most for ${name} is ${[...new Set(places)].join(", then ")}.${how}`;
}
