// Where the model saw its labels: a heat map over the picture, label by label. Fetched when it is first asked for.
import { make, part, share } from "../shared/dom.js";

const LONGEST = 640; // pixels of the overlay, which is drawn smoothly
const overlay = make("canvas", "heat");
overlay.id = "heat";
overlay.setAttribute("aria-hidden", "true"); // the sentence below says it in words
let shown = { labels: [], image: null };

// labels: those with a heat_map. image: {width, height} of the upright picture. stage: where it is shown.
export function show(labels, image, stage) {
  shown = { labels, image };
  overlay.width = Math.round((image.width * LONGEST) / Math.max(image.width, image.height)) || 1;
  overlay.height = Math.round((image.height * LONGEST) / Math.max(image.width, image.height)) || 1;
  stage.append(overlay);
  part("why-labels").replaceChildren(...labels.map(choice));
  part("why").hidden = false;
  choose(0);
}

export function hide() {
  overlay.remove();
  part("why").hidden = true;
}

function choice({ name, score }, place) {
  const label = make("label", "why-label");
  const radio = Object.assign(make("input"), { type: "radio", name: "why-label", value: place, checked: place === 0 });
  label.append(radio, make("span", "", `${name} ${share(score)}`));
  return label;
}

function choose(place) {
  const { name, heat_map: heat } = shown.labels[place];
  paint(heat);
  part("why-said").textContent = inWords(name, heat);
}

// What speaks for the label stays bright, the rest goes dark: no colour of the picture is changed.
function paint({ width, height, values, regions }) {
  const small = Object.assign(document.createElement("canvas"), { width, height });
  const shade = new ImageData(width, height);
  [...atob(values)].forEach((byte, cell) => (shade.data[4 * cell + 3] = 255 - byte.charCodeAt(0)));
  small.getContext("2d").putImageData(shade, 0, 0);
  const context = overlay.getContext("2d");
  context.clearRect(0, 0, overlay.width, overlay.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, overlay.width, overlay.height);
  const scale = overlay.width / shown.image.width;
  for (const [colour, line] of [["#000", 5], ["#fff", 2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: line });
    for (const box of regions) context.strokeRect(...[box.x, box.y, box.width, box.height].map((side) => side * scale));
  }
}

const third = (place, side) => Math.min(2, Math.floor((3 * place) / side));

function inWords(name, { method, regions }) {
  const how = method === "occlusion" ? " Parts of it were covered to find out." : "";
  if (!regions.length) return `No part of the picture speaks for ${name}.${how}`;
  const places = regions.map(({ x, y, width, height }) => {
    const row = ["top", "middle", "bottom"][third(y + height / 2, shown.image.height)];
    const column = ["left", "centre", "right"][third(x + width / 2, shown.image.width)];
    return row === "middle" && column === "centre" ? "in the middle" : `at the ${row} ${column}`;
  });
  return `What speaks most for ${name} is ${[...new Set(places)].join(", then ")}.${how}`;
}

part("why-labels").addEventListener("change", ({ target }) => choose(Number(target.value)));
part("why-strength").addEventListener("input", ({ target }) => (overlay.style.opacity = target.value / 100));
