// The ways in that belong to the whole page: drop anywhere, paste anywhere, choose a file.
import { looksLikeAddress } from "./sources.js";

const part = (id) => document.getElementById(id);

// onFile(file, {name, curlNote}), onAddress(text)
export function onPictureGiven({ onFile, onAddress }) {
  part("file").addEventListener("change", ({ target }) => {
    if (target.files.length) onFile(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  listenForDrops(onFile, onAddress);
  document.addEventListener("paste", (event) => paste(event, onFile, onAddress));
}

function paste(event, onFile, onAddress) {
  const [file] = event.clipboardData.files;
  const text = event.clipboardData.getData("text/plain");
  const field = event.target.closest?.("input");
  const isEditing = field && field.value !== "" && field.selectionEnd - field.selectionStart < field.value.length;
  if (file) {
    event.preventDefault();
    onFile(file, { name: file.name || "pasted.png", curlNote: "Save the pasted picture under this name first." });
  } else if (looksLikeAddress(text) && !isEditing) {
    event.preventDefault();
    onAddress(text.trim());
  }
}

function listenForDrops(onFile, onAddress) {
  const veil = part("drop-veil");
  const isWelcome = ({ dataTransfer }) => ["Files", "text/uri-list"].some((type) => dataTransfer?.types.includes(type));

  document.addEventListener("dragover", (event) => {
    if (!isWelcome(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true; // the pointer left the window
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!isWelcome(event)) return;
    event.preventDefault();
    const { files } = event.dataTransfer;
    const lines = event.dataTransfer.getData("text/uri-list").split(/\r?\n/);
    const address = lines.find((line) => line && !line.startsWith("#"));
    if (files.length) onFile(files[0], files.length > 1 ? { note: `The first of ${files.length} files` } : {});
    else if (address) onAddress(address);
  });
}
