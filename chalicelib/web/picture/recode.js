// A picture as a JPEG that the server takes: smaller, or of a format that it would rather not read.
import { blobOf } from "./canvas.js";

const MAX_SIDE = 2048; // a network looks at far fewer pixels

// -> {blob, width, height}; null for what this browser cannot show: the server decides about that
export async function asJpeg(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return null;
  const copy = drawn(picture, picture.width, picture.height, MAX_SIDE);
  picture.close();
  return copy;
}

// picture: anything that a canvas takes, of that size. longest: px that the copy may have.
export function drawn(picture, width, height, longest, quality = 0.85) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return { blob: blobOf(canvas, "image/jpeg", quality), width: canvas.width, height: canvas.height };
}
