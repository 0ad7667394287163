// A sheet to draw on: 280 x 280 units whatever its size on the screen, white in dark mode too.

const SIDE = 280;
const DENSITY = 2; // pixels per unit, so that strokes stay crisp
const PAUSE = 450; // ms between lifting the pen and being ready

// At once: Chromium's own toBlob may wait a second for an idle moment.
export function blobOf(canvas, type, quality) {
  const base64 = canvas.toDataURL(type, quality).split(",")[1];
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type });
}

export class Sketch {
  #strokes = [];
  #pointer = null;
  #timer = 0;

  // onReady() when the pen has rested; onChange(isEmpty) after every change.
  constructor(canvas, { onReady, onChange }) {
    canvas.width = canvas.height = SIDE * DENSITY;
    Object.assign(this, { canvas, onReady, onChange, context: canvas.getContext("2d") });
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#extend(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#finish(event));
    }
    this.#paint();
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  undo() {
    this.#strokes.pop();
    this.#changed();
    this.#settle();
  }

  clear() {
    this.#strokes = [];
    this.#changed();
    this.#settle();
  }

  toBlob() {
    return blobOf(this.canvas, "image/png");
  }

  #begin(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    clearTimeout(this.#timer);
    this.#pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#place(event)]);
    this.#changed();
  }

  #extend(event) {
    if (event.pointerId !== this.#pointer) return;
    const steps = event.getCoalescedEvents?.() ?? [];
    this.#strokes.at(-1).push(...(steps.length ? steps : [event]).map((step) => this.#place(step)));
    this.#paint();
  }

  #finish(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#settle();
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.onReady(), this.isEmpty ? 0 : PAUSE);
  }

  #changed() {
    this.#paint();
    this.onChange(this.isEmpty);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  #paint() {
    const { context } = this;
    context.setTransform(DENSITY, 0, 0, DENSITY, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    Object.assign(context, { strokeStyle: "#1b1f24", lineWidth: 10, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.#strokes) this.#trace(stroke);
  }

  #trace(stroke) {
    const { context } = this;
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke) context.lineTo(...point);
    context.stroke();
  }
}
