// A small picture in a frame, which stays empty where the browser cannot show it.
import { make } from "./dom.js";

// address: of the picture, or "". after(): it was loaded, or could not be.
export function thumbnail(tag, address, after = () => {}) {
  const frame = make(tag, "thumb");
  if (!address) return frame;
  const image = make("img");
  Object.assign(image, { alt: "", loading: "lazy", decoding: "async", draggable: false, referrerPolicy: "no-referrer" });
  image.onload = after;
  image.onerror = () => {
    after();
    image.remove();
  };
  image.src = address;
  frame.append(image);
  return frame;
}
