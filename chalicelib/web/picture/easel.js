// The tab Draw: the sheet, its buttons, and Ctrl-Z.
import { part, save } from "../shared/dom.js";
import { Sketch } from "./canvas.js";

// onReady(): the pen has rested. onChange(): it moved. onEmpty(): the sheet is blank again.
export function makeEasel({ onReady, onChange, onEmpty }) {
  const sketch = new Sketch(part("canvas"), {
    onChange: (isEmpty) => {
      for (const id of ["undo", "clear", "save"]) part(id).disabled = isEmpty;
      part("easel-hint").hidden = !isEmpty;
      onChange();
      if (isEmpty) onEmpty();
    },
    onReady,
  });
  part("undo").addEventListener("click", () => sketch.undo());
  part("clear").addEventListener("click", () => sketch.clear());
  part("save").addEventListener("click", () => save(sketch.toBlob(), "drawing.png"));
  document.addEventListener("keydown", (event) => {
    const isUndo = event.key.toLowerCase() === "z" && !event.shiftKey && (event.ctrlKey || event.metaKey);
    if (isUndo && !part("panel-draw").hidden && event.target.tagName !== "INPUT" && !sketch.isEmpty) sketch.undo();
  });
  return sketch;
}
