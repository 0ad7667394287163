// A small picture in a frame, which says so where there is none to be seen.
import { make } from "./dom.js";

const GONE = "The picture was deleted from the bucket, or the service may not read it.";
const SILENT = "The host does not send the picture, or the file is not a picture.";
const UNSHOWN = "This browser cannot show it.";

// address: of the picture, or "". after(): it was loaded, or could not be.
export function thumbnail(tag, address, after) {
  const frame = make(tag, "thumb");
  if (address) hang(frame, address, after);
  return frame;
}

export function hang(frame, address, after = () => {}) {
  const image = make("img");
  Object.assign(image, { alt: "", loading: "lazy", decoding: "async", draggable: false, referrerPolicy: "no-referrer" });
  image.onload = after;
  image.onerror = async () => {
    image.remove();
    leaveBlank(frame, await whyNot(address));
    after();
  };
  image.src = address;
  frame.append(image);
}

export function leaveBlank(frame, reason) {
  frame.classList.add("is-blank");
  frame.title = reason;
  frame.append(make("span", "thumb-reason", reason));
}

// Why the picture at an address is not shown, which only the bucket tells.
export async function whyNot(address) {
  if (!/^https?:/i.test(address)) return UNSHOWN;
  if (!/[?&]X-Amz-Signature=/.test(address)) return SILENT;
  try {
    const { ok, status } = await fetch(address, { headers: { Range: "bytes=0-0" } });
    if (ok) return UNSHOWN;
    return status === 403 || status === 404 ? GONE : SILENT;
  } catch {
    return SILENT;
  }
}
