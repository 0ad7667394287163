import { asProblem, predict } from "./api.js";
import { showAnswer, showIdle, showLoading, showProblem } from "./answer.js";
import { makeBatch } from "./batch.js";
import { Sketch } from "./canvas.js";
import { part, save } from "./dom.js";
import { makeExperiment } from "./experiment.js";
import { onPictureGiven } from "./gestures.js";
import { ModelPicker } from "./modelpicker.js";
import { fromAddress, fromFile, fromSample } from "./sources.js";
import { describePicture, remember, showPicture } from "./stage.js";
import { makeTabs } from "./tabs.js";
import { makeViews } from "./views.js";
import { makeWorkflows } from "./workflow.js";

const PATIENCE = 180; // ms before "Looking…": quicker answers need no flicker
const state = { running: null, again: null, drawing: 0 };
const resume = new Map(); // tab -> how to show again what it showed

const [pictureTab, drawTab] = [part("tab-picture"), part("tab-draw")];
const activeTab = () => (part("panel-draw").hidden ? pictureTab : drawTab);

function idle() {
  state.running?.abort();
  state.again = null;
  showIdle(activeTab() === pictureTab ? "Show me a picture." : "Draw me something.", picker.current);
}

// prepare(signal) -> source. Only the newest job may touch the page: each aborts the one before.
async function classify(prepare) {
  const tab = activeTab();
  state.running?.abort();
  const job = new AbortController();
  state.running = job;
  state.again = () => classify(prepare);
  resume.set(tab, state.again);
  const waiting = setTimeout(() => job.signal.aborted || showLoading(), PATIENCE);
  try {
    const source = await prepare(job.signal);
    if (job.signal.aborted) return;
    if (tab === pictureTab) showPicture(source);
    const { asked } = picker;
    const entry = { source, asked, ...(await predict(source, asked, job.signal)) };
    if (!job.signal.aborted) present(entry, tab);
  } catch (error) {
    if (!job.signal.aborted) fail(error);
  } finally {
    clearTimeout(waiting);
  }
}

function present(entry, tab) {
  remember(entry, recall);
  show(entry, tab);
  if (tab === pictureTab) bringIntoView();
}

function show(entry, tab) {
  state.again = () => classify(async () => entry.source);
  resume.set(tab, () => show(entry, tab));
  showAnswer(entry, picker.models, picker.standing(entry));
  if (tab === drawTab) return;
  showPicture(entry.source);
  describePicture(entry.source, entry.answer.predictions[0].image);
}

function fail(error) {
  showProblem(asProblem(error), state.again);
  bringIntoView();
}

// On a phone the answer may be below the fold.
function bringIntoView() {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  part("certainty").scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

function recall(entry) {
  state.running?.abort();
  inputTabs.select(pictureTab);
  show(entry, pictureTab);
}

function classifyPicture(prepare) {
  inputTabs.select(pictureTab);
  return classify(prepare);
}

const classifyAddress = (text) => classifyPicture(async () => fromAddress(text));

async function loadModels() {
  try {
    await picker.load();
    experiment.refresh();
    if (!state.again) idle();
  } catch (error) {
    showProblem(error, loadModels);
  }
}

const picker = new ModelPicker(() => (state.again ?? idle)());

const inputTabs = makeTabs(part("input-tabs"), (tab) => {
  state.running?.abort();
  (resume.get(tab) ?? idle)();
});

const sketch = new Sketch(part("canvas"), {
  onChange: (isEmpty) => {
    for (const id of ["undo", "clear", "save"]) part(id).disabled = isEmpty;
    part("easel-hint").hidden = !isEmpty;
    if (!isEmpty) return;
    state.drawing += 1;
    resume.delete(drawTab);
  },
  onReady: () => {
    if (activeTab() !== drawTab) resume.set(drawTab, () => classify(fromSketch));
    else if (sketch.isEmpty) idle();
    else classify(fromSketch);
  },
});

async function fromSketch() {
  const key = `drawing ${state.drawing}`;
  const curlNote = "Save the drawing as PNG first.";
  return { ...(await fromFile(sketch.toBlob(), { name: "drawing.png", curlNote })), key };
}

async function copyCommand() {
  const text = part("curl").textContent;
  try {
    await navigator.clipboard.writeText(text);
    part("copy").textContent = "Copied";
  } catch { // no permission, or not a secure context: leave it selected for Ctrl-C
    getSelection().selectAllChildren(part("curl"));
    part("copy").textContent = "Press Ctrl-C";
  }
  setTimeout(() => (part("copy").textContent = "Copy"), 2000);
}

const go = (hash) => views.go(hash);
const batch = makeBatch({ modelAsked: () => picker.asked, go });
const experiment = makeExperiment({ models: () => picker.models, onView: (view) => picker.follow(view), go });
const workflows = makeWorkflows({ go });
const views = makeViews({
  onBatch: batch.onBatch,
  onExperiment: (name) => {
    experiment.onExperiment(name);
    workflows.onWorkflow(name);
  },
  onLeave: () => {
    batch.onLeave();
    experiment.onLeave();
    workflows.rest();
  },
});
onPictureGiven({
  one: {
    onFile: (file, options) => classifyPicture(() => fromFile(file, options)),
    onAddress: (text) => {
      part("url").value = text;
      classifyAddress(text);
    },
  },
  many: { many: batch, trial: workflows },
});
part("address").addEventListener("submit", (event) => {
  event.preventDefault();
  classifyAddress(part("url").value);
});
part("samples").addEventListener("click", (event) => {
  const button = event.target.closest("[data-sample]");
  if (!button) return;
  const path = button.firstElementChild.getAttribute("src");
  classifyPicture((signal) => fromSample(button.dataset.sample, path, signal));
});
part("undo").addEventListener("click", () => sketch.undo());
part("clear").addEventListener("click", () => sketch.clear());
part("save").addEventListener("click", () => save(sketch.toBlob(), "drawing.png"));
part("copy").addEventListener("click", copyCommand);
document.addEventListener("keydown", (event) => {
  const isUndo = event.key.toLowerCase() === "z" && !event.shiftKey && (event.ctrlKey || event.metaKey);
  if (isUndo && !part("panel-draw").hidden && event.target.tagName !== "INPUT" && !sketch.isEmpty) sketch.undo();
});
loadModels();
