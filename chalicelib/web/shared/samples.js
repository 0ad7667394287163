// The pictures that a model brings with it.
import { call } from "./api.js";
import { placed } from "./files.js";

const asked = new Map(); // address -> promise of the pictures: asked once

// model: of GET /models. -> [{label, url, data: a data: URL, licence, source}]
export function samplesOf({ samples }) {
  if (!samples) return Promise.resolve([]);
  if (!asked.has(samples)) {
    const pictures = call(samples).then((answer) => answer.samples);
    asked.set(samples, pictures);
    pictures.catch(() => asked.delete(samples)); // the next visit may have more luck
  }
  return asked.get(samples);
}

// As if it were chosen from a folder, samples/LABEL/FILE.
export function fileOf({ label, url, data }) {
  const [, type, base64] = /^data:(.*?);base64,(.*)$/.exec(data);
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const name = url.split("/").pop();
  return placed(new File([bytes], name, { type }), `samples/${label}/${name}`);
}
