// Where a picture comes from: a file, an address, a sample, a drawing. Each becomes a source,
// {name, preview, note, curlNote} with either {json} or {bytes, type}.
import { Problem } from "../shared/api.js";
import { blobOf } from "./canvas.js";
import { megabytes } from "../shared/dom.js";

// Lambda takes 6 MB of base64, about 4.5 MB of picture; a network looks at far fewer pixels than 2048.
const MAX_BYTES = 4_000_000;
const MAX_SIDE = 2048;
const MAX_BODY = 10_000_000; // of API Gateway

// API Gateway passes only these types as bytes; the server looks at the bytes, not at the type.
const BINARY = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif"];
const wireType = (type) => (BINARY.includes(type) ? type : "application/octet-stream");

export async function fromFile(file, { name = file.name, note = "", curlNote = "" } = {}) {
  const source = { name, note, curlNote, type: wireType(file.type), preview: URL.createObjectURL(file) };
  const copy = file.size > MAX_BYTES ? await smaller(file) : null;
  if (!copy && file.size > MAX_BODY) {
    throw new Problem(`That file has ${megabytes(file.size)}. Choose a picture under ${megabytes(MAX_BODY)}.`);
  }
  if (copy) {
    const size = `${copy.width} × ${copy.height} px`;
    source.note = `${megabytes(file.size)} is more than the server takes, so a copy of ${size} was sent.`;
    source.curlNote = "The page sent a smaller copy of this file.";
    source.type = copy.blob.type;
  }
  try {
    return { ...source, bytes: await (copy?.blob ?? file).arrayBuffer() };
  } catch {
    throw new Problem("Your browser could not read that file. Choose a single picture, not a folder.");
  }
}

async function smaller(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return null; // a format only the server may know: it decides
  const scale = Math.min(1, MAX_SIDE / Math.max(picture.width, picture.height));
  const side = (length) => Math.max(1, Math.round(length * scale));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: side(picture.width), height: side(picture.height) });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return { blob: blobOf(canvas, "image/jpeg", 0.85), width: canvas.width, height: canvas.height };
}

export function fromAddress(text) {
  const address = text.trim();
  if (!address) throw new Problem("Paste the address of a picture first, such as https://example.com/cat.jpg");
  if (/^s3:\/\//i.test(address)) return { name: address, json: { s3_uri: address } };
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address) ?? [];
  if (scheme && !/^https?$/i.test(scheme)) {
    throw new Problem(`Pictures are fetched by https, http and from s3, not by ${scheme.toLowerCase()}. Download it, then choose the file.`);
  }
  const url = /^(https?|data):/i.test(address) ? address : `https://${address}`;
  if (/\s/.test(url) || !URL.canParse(url)) {
    throw new Problem("That is not an address. It should look like https://example.com/cat.jpg");
  }
  return { name: nameIn(url), preview: url, json: { url } };
}

function nameIn(url) {
  const { protocol, hostname, pathname } = new URL(url);
  if (protocol === "data:") return "a data: address";
  const last = pathname.split("/").pop();
  return last ? `${last} from ${hostname}` : hostname;
}
