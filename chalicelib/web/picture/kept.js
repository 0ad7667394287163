// Recent answers, kept in this browser alone: small copies of the pictures, never the pictures themselves.
import { drawn } from "./recode.js";

const KEY = `recent answers of ${location.pathname}`; // stages may share an origin
const SIDE = 144; // px of a small copy
const LONGEST = 20_000; // characters of one: more is no small copy
const LABELS = 5;

// -> [{source, answer, elapsed, asked, key: of an address alone}], the latest first; none where the browser keeps nothing for pages.
export function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return kept.filter(({ source, answer }) => source && answer?.model && answer.predictions?.[0]?.labels);
  } catch {
    return [];
  }
}

export async function keep(entries) {
  try {
    const small = await Promise.all(entries.map(reduced));
    localStorage.setItem(KEY, JSON.stringify(small));
  } catch { // it is forbidden, or full: then this visit has to do
  }
}

async function reduced({ source, answer, elapsed, asked, key }) {
  const { name, note, type, json, download } = source;
  const address = json?.url ?? json?.s3_uri ?? "";
  const isElsewhere = Boolean(address) && !address.startsWith("data:"); // where it is the picture itself
  source.thumb ??= await thumbOf(source, isElsewhere);
  const [{ labels, ...prediction }] = answer.predictions;
  return {
    source: { name, note, type, download, thumb: source.thumb, ...(isElsewhere ? { json, preview: source.preview } : {}) },
    answer: { ...answer, predictions: [{ ...prediction, labels: labels.slice(0, LABELS).map(({ name, score }) => ({ name, score })) }] },
    elapsed,
    asked,
    ...(isElsewhere ? { key } : {}),
  };
}

// A picture of another host cannot be read here: its address is kept, and shows it again.
async function thumbOf({ preview }, isElsewhere) {
  if (!preview || isElsewhere) return "";
  const image = new Image();
  image.src = preview;
  try {
    await image.decode();
  } catch {
    return ""; // only the server can see it
  }
  const { blob } = drawn(image, image.naturalWidth, image.naturalHeight, SIDE, 0.7);
  const address = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
  return address.length > LONGEST ? "" : address;
}
