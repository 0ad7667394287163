// The ways in that belong to the whole page: drop anywhere, paste anywhere, choose a file.
import { part } from "./dom.js";
import { filesOf } from "./files.js";

const looksLikeAddress = (text) => /^(https?:\/\/|data:image\/|s3:\/\/)\S+$/i.test(text.trim());

// single: {onFile(file, {name, curlNote, note}), onAddress(text)} for one picture;
// many: {onFiles(files), onLines(text)} by the id of the view that takes many, where it is shown, and whose file fields are its.
export function onPictureGiven({ single, many }) {
  const shown = () => Object.entries(many).find(([id]) => !part(id).hidden)?.[1];
  part("file").addEventListener("change", ({ target }) => {
    if (target.files.length) single.onFile(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  for (const [id, tab] of Object.entries(many)) part(id).addEventListener("change", ({ target }) => chooseMany(target, tab));
  listenForDrops((given) => (shown() ? dropMany(given, shown()) : dropOne(given, single)));
  document.addEventListener("paste", (event) => (shown() ? pasteMany(event, shown()) : pasteOne(event, single)));
}

function chooseMany(field, tab) {
  if (field.type !== "file") return;
  const files = [...field.files];
  field.value = "";
  if (files.length) tab.onFiles(files);
}

function pasteOne(event, { onFile, onAddress }) {
  const [file] = event.clipboardData.files;
  const text = event.clipboardData.getData("text/plain");
  if (file) {
    event.preventDefault();
    onFile(file, { name: file.name || "pasted.png", curlNote: "Save the pasted picture under this name first." });
  } else if (looksLikeAddress(text) && !isEditing(event.target)) {
    event.preventDefault();
    onAddress(text.trim());
  }
}

function isEditing(target) {
  const field = target.closest?.("input");
  return field && field.value !== "" && field.selectionEnd - field.selectionStart < field.value.length;
}

function pasteMany(event, tab) {
  const files = [...event.clipboardData.files];
  const lines = event.clipboardData.getData("text/plain").trim().split(/\s*\n\s*/);
  if (files.length) {
    event.preventDefault();
    tab.onFiles(files);
  } else if (!event.target.closest?.("input, textarea") && lines.every(looksLikeAddress)) {
    event.preventDefault();
    tab.onLines(lines.join("\n"));
  }
}

function dropOne(dataTransfer, { onFile, onAddress }) {
  const { files } = dataTransfer;
  const [address] = addressesIn(dataTransfer);
  if (files.length) onFile(files[0], files.length > 1 ? { note: `The first of ${files.length} files` } : {});
  else if (address) onAddress(address);
}

async function dropMany(dataTransfer, tab) {
  const addresses = addressesIn(dataTransfer);
  if (dataTransfer.files.length) tab.onFiles(await filesOf(dataTransfer));
  else if (addresses.length) tab.onLines(addresses.join("\n"));
}

const addressesIn = (dataTransfer) =>
  dataTransfer.getData("text/uri-list").split(/\r?\n/).filter((line) => line && !line.startsWith("#"));

function listenForDrops(onDrop) {
  const veil = part("drop-veil");
  const isWelcome = ({ dataTransfer }) => ["Files", "text/uri-list"].some((type) => dataTransfer?.types.includes(type));

  // Both: where the page moves under the pointer, the drop meets an element that has only been entered.
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!isWelcome(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      veil.hidden = false;
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true; // the pointer left the window
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!isWelcome(event)) return;
    event.preventDefault();
    onDrop(event.dataTransfer);
  });
}
