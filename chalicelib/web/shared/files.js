// What a batch is made of: files, folders, a list. Names are made to be different from one another.

const MANIFEST = /\.(txt|csv|jsonl|manifest)$/i;
const PICTURE = /\.(jpe?g|png|gif|webp|bmp|tiff?|avif|hei[cf]|jp2|ico|mpo|ppm|pgm|tga)$/i;
const MAX_BYTES = 20e6; // of chalicelib/sources/read.py, which the form of an upload holds to
const MAX_NAME = 180; // the server takes 200; room to tell equal names apart

// -> {manifest: file | null, pictures: files, leftOut: {others, large, empty} (counts), title}
export function sortOut(files) {
  if (files.length === 1 && MANIFEST.test(files[0].name)) {
    return { manifest: files[0], pictures: [], leftOut: {}, title: files[0].name.replace(MANIFEST, "") };
  }
  const leftOut = { others: 0, large: 0, empty: 0 };
  const pictures = files.filter((file) => {
    const reason = reasonAgainst(file);
    if (reason) leftOut[reason] += 1;
    return !reason;
  });
  if (pictures.some(isInFolder)) pictures.sort((one, other) => inOrder.compare(pathOf(one), pathOf(other)));
  const [folder, ...inside] = files.length ? pathOf(files[0]).split("/") : [];
  return { manifest: null, pictures, leftOut, title: inside.length ? folder : "" };
}

function reasonAgainst(file) {
  if (!file.type.startsWith("image/") && !PICTURE.test(file.name)) return "others";
  if (file.size > MAX_BYTES) return "large";
  return file.size === 0 ? "empty" : "";
}

const paths = new WeakMap(); // file -> its path in the dropped folder it came in

export function placed(file, path) {
  paths.set(file, path);
  return file;
}

// "holiday/day 1/1.jpg" for a file of a folder, else its name alone
export const pathOf = (file) => file.webkitRelativePath || paths.get(file) || file.name;

// A browser reads a folder in no order that people know; loose files come in the order they were chosen in.
const isInFolder = (file) => pathOf(file).includes("/");
const inOrder = new Intl.Collator("en", { numeric: true });

const MAX_ID = 256;

// File -> its name in the results: the path inside the folder that was given, which tells equal names apart.
export function idsOf(files) {
  const paths = files.map(pathOf);
  const roots = new Set(paths.map((path) => path.split("/")[0]));
  const isOne = roots.size === 1 && paths.every((path) => path.includes("/"));
  const taken = new Set();
  return new Map(files.map((file, i) => {
    const path = isOne ? paths[i].slice(paths[i].indexOf("/") + 1) : paths[i];
    return [file, different(path.slice(-MAX_ID), taken)];
  }));
}

// "cat.jpg", "cat (2).jpg": files that were chosen one by one may have the same name.
function different(name, taken) {
  const [, stem, ending] = /^(.*?)(\.[^./]{1,8})?$/su.exec(name);
  let unique = name;
  for (let count = 2; taken.has(unique); count += 1) unique = `${stem.slice(0, MAX_ID - 20)} (${count})${ending ?? ""}`;
  taken.add(unique);
  return unique;
}

// All files of a drop, with those in its folders. The entries must be asked for before the event ends.
export async function filesOf(dataTransfer) {
  const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...dataTransfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

async function collect(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (!file || entry.name.startsWith(".")) return;
    files.push(placed(file, entry.fullPath.slice(1)));
    return;
  }
  const reader = entry.createReader();
  for (;;) { // it gives a hundred at a time, and none at the end
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const each of some) await collect(each, files);
  }
}

// -> a function that makes each name it is given different from those before: "cat.jpg", "cat (2).jpg".
export function namer() {
  const taken = new Map();
  return (name) => {
    const plain = name.replace(/[\p{Cc}/\\${}]/gu, "_").replace(/^\.+|\.+$/g, "") || "picture";
    const [, stem, ending] = /^(.*?)(\.[^.]{1,8})?$/su.exec(plain);
    const short = [...stem].slice(0, MAX_NAME).join("");
    let count = taken.get(short + (ending ?? "")) ?? 0;
    let unique;
    do {
      count += 1;
      unique = count === 1 ? short + (ending ?? "") : `${short} (${count})${ending ?? ""}`;
    } while (count > 1 && taken.has(unique));
    taken.set(short + (ending ?? ""), count);
    if (count > 1) taken.set(unique, 1);
    return unique;
  };
}

// A pasted list -> [{id, url | s3_uri}]; the last part of an address is easier to know again than a number.
export function instancesOf(text) {
  const nameOf = namer();
  return linesOf(text).map((line) => {
    if (/^s3:\/\//i.test(line)) return { id: nameOf(lastPart(line)), s3_uri: line };
    const url = /^[a-z][a-z0-9+.-]*:/i.test(line) ? line : `https://${line}`;
    return { id: nameOf(lastPart(url)), url };
  });
}

export const linesOf = (text) => text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));

// The name of a record to show: a line that gave none has its number, to which the address adds what it is.
export const nameOf = ({ id, source }) =>
  (/^\d+$/.test(id) && /^(https?|s3):\/\//i.test(source) ? `${id} · ${lastPart(source)}` : id);

const ENDED = /^[^/]+\.[a-z0-9]{1,8}$/i;

// The name of a record's file: the end of its id or, if that is no file's, of its address; "" for one that came inline.
export function fileOf({ id, source }) {
  const last = id.split("/").pop();
  if (ENDED.test(last)) return last;
  return source.includes("://") ? source.split(/[?#]/)[0].replace(/\/+$/, "").split("/").pop() : "";
}

function lastPart(address) {
  if (/^data:/i.test(address)) return "data";
  const [path] = address.split(/[?#]/);
  const last = path.replace(/\/+$/, "").split("/").pop() || address;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

// A name of uploads that belong together: [A-Za-z0-9-]{1,64}, with a random end
export const RANDOM = /-[0-9a-f]{8}$/;
export function batchName(title) {
  const plain = title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return `${plain || "upload"}-${random.toString(16).padStart(8, "0")}`;
}
