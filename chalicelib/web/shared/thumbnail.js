// A small picture in a frame, which stays empty where the browser cannot show it.
import { make } from "./dom.js";

// address: of the picture, or "". after(isShown): it was loaded, or could not be.
export function thumbnail(tag, address, after = () => {}) {
  const frame = make(tag, "thumb");
  if (address) hang(frame, address, after);
  return frame;
}

export function hang(frame, address, after = () => {}) {
  const image = make("img");
  Object.assign(image, { alt: "", loading: "lazy", decoding: "async", draggable: false, referrerPolicy: "no-referrer" });
  image.onload = () => after(true);
  image.onerror = () => {
    image.remove();
    after(false);
  };
  image.src = address;
  frame.append(image);
}
