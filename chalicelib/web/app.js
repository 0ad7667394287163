// The page: its tabs and what leads to them. Batch and Experiment are fetched when they are first opened.
import { loadModels, onAddress, onFile, picker } from "./picture/picture.js";
import { part } from "./shared/dom.js";
import { onPictureGiven } from "./shared/gestures.js";
import { LazyTab } from "./shared/lazytab.js";
import { makeViews } from "./shared/views.js";

part("unloaded").hidden = true;

const go = (hash) => views.go(hash);
const many = new LazyTab(async () => {
  const { makeTab } = await import("./batch/batch.js");
  return makeTab({ modelAsked: () => picker.asked, go });
});
const trial = new LazyTab(async () => {
  const { makeTab } = await import("./experiment/experiment.js");
  return makeTab({ models: () => picker.models, onView: (view) => picker.follow(view), go });
});
const views = makeViews({ many, trial });

onPictureGiven({ single: { onFile, onAddress }, many: { many, trial } });
loadModels(() => trial.refresh());
