// The page: its tabs and what leads to them. Batch, Experiment and Teach are fetched when they are first opened.
import { loadModels, onAddress, onFile, picker, useModel } from "./picture/picture.js";
import { part } from "./shared/dom.js";
import { onPictureGiven } from "./shared/gestures.js";
import { LazyTab } from "./shared/lazytab.js";
import { makeViews } from "./shared/views.js";

part("unloaded").hidden = true;

const go = (hash) => views.go(hash);
const many = new LazyTab(async () => {
  const { makeTab } = await import("./batch/batch.js");
  return makeTab({ modelAsked: () => picker.asked, model: () => picker.ofBatches, go });
});
const trial = new LazyTab(async () => {
  const { makeTab } = await import("./experiment/experiment.js");
  return makeTab({ models: () => picker.models, onView: (view) => picker.follow(view), go });
});
const teach = new LazyTab(async () => {
  const { makeTab } = await import("./teach/teach.js");
  return makeTab({
    models: () => picker.models,
    model: () => picker.current,
    onTaught: () => picker.load(),
    use: (name) => useModel(name).then(() => go("")),
    compare(name) {
      go("#experiment");
      trial.compare(name);
    },
    go,
  });
});
const views = makeViews({ many, trial, teach });

onPictureGiven({ single: { onFile, onAddress }, many: { many, trial, teach } });
loadModels(() => {
  many.refresh();
  trial.refresh();
  teach.refresh();
  part("tab-teach").hidden = !picker.teaches;
  if (!picker.teaches && !part("teach").hidden) go("");
});
