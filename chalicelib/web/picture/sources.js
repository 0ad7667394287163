// Where a picture comes from: a file, an address, a sample, a drawing. Each becomes a source,
// {name, preview, note, curlNote} with either {json} or {bytes, type}.
import { Problem } from "../shared/api.js";
import { megabytes } from "../shared/dom.js";

// An event of Lambda has at most 6 MB, in which a picture is base64: the least that any of the fronts takes.
const MAX_BYTES = 4_000_000;

// API Gateway passes only these types as bytes; the server looks at the bytes, not at the type.
const BINARY = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif"];
const wireType = (type) => (BINARY.includes(type) ? type : "application/octet-stream");

// options.sees: {width, height} of what the network looks at, to say why a copy will do.
export async function fromFile(file, { name = file.name, note = "", curlNote = "", sees } = {}) {
  const source = { name, note, curlNote, type: wireType(file.type), preview: URL.createObjectURL(file), key: keyOf(file) };
  const { isLarge, copy } = await copyFor(file);
  if (!copy && isLarge) {
    throw new Problem(`That file has ${megabytes(file.size)}, and your browser cannot make it smaller. Choose a picture ` +
      `under ${megabytes(MAX_BYTES)}, or give it to Batch, which takes up to 20 MB.`);
  }
  if (copy) {
    const size = `${copy.width} × ${copy.height} px`;
    const enough = sees ? `; the network looks at ${sees.width} × ${sees.height}` : "";
    source.note = isLarge
      ? `${megabytes(file.size)} is more than the server takes, so a copy of ${size} was sent${enough}.`
      : `A copy as JPEG, ${size}, was sent.`;
    source.curlNote = `The page sent a ${isLarge ? "smaller copy of this file" : "copy of this file as JPEG"}.`;
    source.type = copy.blob.type;
  }
  try {
    return { ...source, bytes: await (copy?.blob ?? file).arrayBuffer() };
  } catch {
    throw new Problem("Your browser could not read that file. Choose a single picture, not a folder.");
  }
}

// The same file again is no other picture, though each time it gets another preview.
const keyOf = ({ name, size, lastModified }) => `${name} ${size} ${lastModified}`;

// Formats that some browsers show and that the server refuses, or reads at some cost.
const isForeign = ({ type, name = "" }) => /^image\/(avif|hei[cf])/.test(type) || /\.(avif|hei[cf])$/i.test(name);

// -> {isLarge, copy}: whether the server would not take the file, and the {blob, width, height} to send in its place, if any.
export async function copyFor(file) {
  const isLarge = file.size > MAX_BYTES;
  return { isLarge, copy: isLarge || isForeign(file) ? await (await import("./recode.js")).asJpeg(file) : null };
}

export function fromAddress(text) {
  const address = text.trim();
  if (!address) throw new Problem("Paste the URL of a picture first, such as https://example.com/cat.jpg");
  if (/^s3:\/\//i.test(address)) return { name: address, json: { s3_uri: address } };
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address) ?? [];
  if (scheme && !/^https?$/i.test(scheme)) {
    throw new Problem(`The service fetches pictures by https, http and s3, not by ${scheme.toLowerCase()}. Download it, then choose the file.`);
  }
  const url = /^(https?|data):/i.test(address) ? address : `https://${address}`;
  if (/\s/.test(url) || !URL.canParse(url)) {
    throw new Problem("This is not a URL. Write it like https://example.com/cat.jpg");
  }
  return { name: nameIn(url), preview: url, json: { url } };
}

function nameIn(url) {
  const { protocol, hostname, pathname } = new URL(url);
  if (protocol === "data:") return "a data: address";
  const last = pathname.split("/").pop();
  return last ? `${last} from ${hostname}` : hostname;
}
