// The tab One picture: show a picture or draw one, and see what it is taken for.
import { keepQuery } from "../shared/address.js";
import { Problem, asProblem, becomeAnother, predict } from "../shared/api.js";
import { part } from "../shared/dom.js";
import { showUnloaded } from "../shared/lazytab.js";
import { makeTabs } from "../shared/tabs.js";
import { showAnswer, showIdle, showLoading, showProblem } from "./answer.js";
import { Comparison } from "./comparison.js";
import { makeEasel } from "./easel.js";
import { ModelPicker } from "./modelpicker.js";
import { fromAddress, fromFile } from "./sources.js";
import { describePicture, forgetAll, forgetKept, remember, restore, showPicture, takeDown } from "./stage.js";
import { showSamples } from "./strip.js";
import { offerCamera } from "./viewfinder.js";

const PATIENCE = 180; // ms before "Looking…": quicker answers need no flicker
const LONGEST = 2000; // characters of a picture's address in a link
const state = { running: null, again: null, drawing: 0 };
const resume = new Map(); // tab -> how to show again what it showed
let why = null; // what shows heat maps, once it is there

const [pictureTab, drawTab] = [part("tab-picture"), part("tab-draw")];
const activeTab = () => (part("panel-draw").hidden ? pictureTab : drawTab);

const comparison = new Comparison(() => {
  comparison.show(state.shown, picker.models, renewed().signal);
});

// Only the newest job may touch the page: each aborts the one before.
function renewed() {
  state.running?.abort();
  state.running = new AbortController();
  return state.running;
}

function idle() {
  state.running?.abort();
  comparison.hide();
  state.again = null;
  if (activeTab() === pictureTab) showIdle("Show me a picture.", "A neural network says what it sees.", picker.current);
  else showIdle("Draw me something.", "A neural network guesses as you draw.", picker.current);
}

// prepare(signal) -> source
async function classify(prepare) {
  const tab = activeTab();
  const job = renewed();
  why?.hide();
  state.again = () => classify(prepare);
  resume.set(tab, state.again);
  const waiting = setTimeout(() => job.signal.aborted || showLoading(), PATIENCE);
  let source = null;
  try {
    source = await prepare(job.signal);
    if (job.signal.aborted) return;
    if (tab === pictureTab) putUp(source);
    const { asked } = picker;
    const explain = part("explain").checked;
    comparison.begin(source, asked, job.signal);
    const entry = { source, asked, explain, ...(await predict(source, { model: asked, explain }, job.signal)) };
    if (!job.signal.aborted) present(entry, tab);
  } catch (error) {
    if (job.signal.aborted) return;
    if (!source && tab === pictureTab) takeDown(); // what is there is not what this is about
    fail(error);
  } finally {
    clearTimeout(waiting);
  }
}

// What a link asks for: ?url=…&model=…; no other model answers in the place of one that is not here.
async function open(query) {
  try {
    if (query.get("model")) await picker.find(query.get("model"));
  } catch (error) {
    part("url").value = query.get("url") ?? "";
    showProblem(asProblem(error), () => open(query));
    return;
  }
  if (query.has("url")) onAddress(query.get("url"));
  else idle();
}

// The page's address shows the same answer again, where the picture has an address that fits into a link.
function link({ source, asked }) {
  const url = source.json?.url ?? source.json?.s3_uri ?? "";
  const query = new URLSearchParams({ url, ...(asked ? { model: asked } : {}) });
  keepQuery(url && url.length < LONGEST && !url.startsWith("data:") ? `?${query}` : "");
}

function present(entry, tab) {
  remember(entry, recall);
  show(entry, tab);
  if (tab === pictureTab) bringIntoView();
}

function show(entry, tab) {
  state.again = () => classify(async () => whole(entry.source));
  state.shown = entry;
  resume.set(tab, () => show(entry, tab));
  showAnswer(entry, picker.models, picker.standing(entry));
  comparison.offer(entry, picker.models, !entry.source.isSmall);
  comparison.show(entry, picker.models, state.running.signal);
  link(entry);
  showWhy(entry, tab);
  if (tab === drawTab) return;
  putUp(entry.source);
  describePicture(entry.source, entry.answer.predictions[0].image);
}

// The heat maps of an answer that has them, if they are wanted.
async function showWhy(entry, tab) {
  const [{ labels, image }] = entry.answer.predictions;
  const explained = labels.filter(({ heat_map: heat }) => heat);
  why?.hide();
  if (!part("explain").checked || !explained.length) return;
  const { again } = state;
  try {
    why ??= new (await import("./why.js")).HeatMaps("why");
    if (state.again === again) why.show(explained, image, part(tab === drawTab ? "easel" : "stage"));
  } catch (error) {
    console.warn(error);
    showUnloaded();
  }
}

// What is left of an earlier visit's file is no more than a small copy: an answer about that would be another answer.
function whole(source) {
  if (!source.isSmall) return source;
  throw new Problem("Only a small copy of this picture was kept. Choose the file again to classify it.", { title: "This model is not here." });
}

// The address field tells of the picture that is shown, and of no earlier one.
function putUp(source) {
  showPicture(source);
  if (document.activeElement !== part("url")) part("url").value = source.json?.url ?? source.json?.s3_uri ?? "";
}

function fail(error) {
  comparison.hide();
  showProblem(asProblem(error), state.again);
  bringIntoView();
}

// On a phone the answer may be below the fold.
function bringIntoView() {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const said = part("problem").hidden ? "certainty" : "problem";
  part(said).scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}

function recall(entry) {
  renewed();
  inputTabs.select(pictureTab);
  show(entry, pictureTab);
}

function classifyPicture(prepare) {
  inputTabs.select(pictureTab);
  return classify(prepare);
}

const classifyAddress = (text) => classifyPicture(async () => fromAddress(text));

// options: {name, curlNote, note}
export function onFile(file, options) {
  part("url").value = "";
  return classifyPicture(() => fromFile(file, { sees: picker.current?.input, ...options }));
}

export function onAddress(text) {
  part("url").value = text;
  classifyAddress(text);
}

export const picker = new ModelPicker({
  onChosen: () => (state.again ?? idle)(),
  onNews: () => state.again || idle(),
  onCurrent: (model) => showSamples(model, classifyPicture),
});

// The models there are; at the beginning, and again when they could not be had.
export async function loadModels(onLoaded) {
  try {
    await picker.load();
    onLoaded();
    if (!state.again) open(new URLSearchParams(location.search));
  } catch (error) {
    showProblem(error, () => loadModels(onLoaded));
  }
}

// Another model is to answer, as if picked by hand.
export async function useModel(name) {
  await picker.find(name);
  (state.again ?? idle)();
}

makeTabs(part("snippets"));
const inputTabs = makeTabs(part("input-tabs"), (tab) => {
  renewed();
  (resume.get(tab) ?? idle)();
});

const sketch = makeEasel({
  onChange: () => why?.hide(),
  onEmpty: () => {
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
  const code = part("terminal").querySelector("pre:not([hidden]) code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    part("copy").textContent = "Copied";
  } catch { // no permission, or not a secure context: leave it selected for Ctrl-C
    getSelection().selectAllChildren(code);
    part("copy").textContent = "Press Ctrl-C";
  }
  setTimeout(() => (part("copy").textContent = "Copy"), 2000);
}

part("address").addEventListener("submit", (event) => {
  event.preventDefault();
  classifyAddress(part("url").value);
});
part("another").addEventListener("click", () => {
  becomeAnother();
  state.again?.();
});
part("explain").addEventListener("change", ({ target }) => (target.checked ? state.again?.() : why?.hide()));
part("recent-clear").addEventListener("click", () => {
  forgetAll();
  part("url").focus();
});
part("token-forget").addEventListener("click", forgetKept); // whoever signs out leaves nothing
part("copy").addEventListener("click", copyCommand);
offerCamera({
  onTaken: (file) => onFile(file, { curlNote: "Save the camera's picture under this name first." }),
  onFailed: (error, again) => {
    state.again = again;
    fail(error);
  },
});
restore(recall);
