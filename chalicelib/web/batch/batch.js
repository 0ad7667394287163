// The view of batches: start one, follow it, see its results.
import { startBatch } from "./api.js";
import { linesOf } from "../shared/files.js";
import { Follower } from "./follow.js";
import { showUploading } from "./progress.js";
import { showRecent } from "./recent.js";
import { Shipment, listFile, requestOf } from "../shared/shipment.js";
import { hideProblem, showActions, showProblem, showSheet } from "./view.js";
import { counted, part } from "../shared/dom.js";
import { keepLooking, turnTo } from "../shared/views.js";

const kept = new Map(); // batch id -> {sources: Map of a result's id -> file, pictures: files, note}

// modelAsked(): the model picked by hand, or "". model(): what classifies a batch, once that is known. go(hash): to another view of the page.
export function makeTab({ modelAsked, model, go }) {
  const follower = new Follower();
  let shipment = null;
  let isAsking = false;
  let opened = ""; // id of the batch that is shown
  let visit = 0; // counts the changes of what is shown, so that late answers are dropped

  function options() {
    const labels = Math.round(Number(part("batch-labels").value)) || 5;
    const asked = modelAsked();
    const { checked, disabled } = part("batch-explain");
    return {
      max_labels: Math.min(100, Math.max(1, labels)),
      ...(asked ? { model: asked } : {}),
      ...(checked && !disabled ? { explain: true } : {}),
    };
  }

  // A batch takes no further inferences, so only what has feature maps can tell.
  function refresh() {
    const { title, name, explain_inferences: inferences = 1 } = model() ?? {};
    part("batch-explain").disabled = inferences > 1;
    part("batch-unexplained").textContent = inferences > 1
      ? `${title || name} has no feature maps: it would take ${inferences} inferences per picture. Use the tab One picture for this.` : "";
  }

  function show(id) {
    refresh();
    visit += 1;
    opened = id;
    turnTo("batch", Boolean(id || shipment), true);
    if (id) {
      say("");
      follower.open(id, kept.get(id));
      return;
    }
    follower.close();
    if (shipment) present(shipment);
    else keepLooking(showRecent, stillIn(visit));
  }

  const stillIn = (asked) => () => visit === asked;

  function leave() {
    visit += 1;
    follower.rest();
  }

  function refuse(problem) {
    say("");
    part("batch-refusal").hidden = !problem;
    part("batch-refusal").querySelector("p").textContent = problem?.message ?? "";
  }

  async function onFiles(files) {
    go("#batch");
    if (isSending()) return;
    refuse(null);
    try {
      const next = new Shipment(files, options());
      await next.check();
      if (isSending()) return;
      shipment = next;
    } catch (problem) {
      refuse(problem);
      return;
    }
    show("");
  }

  function isSending() {
    if (shipment) part("batch-caption").textContent = "Wait until these files are sent, or cancel them.";
    return shipment !== null;
  }

  function present(mine) {
    showSheet(mine.pictures);
    showActions({ cancel: stop, note: mine.note });
    if (!mine.isSending) send(mine);
  }

  async function send(mine) {
    mine.isSending = true;
    hideProblem();
    showUploading({ files: mine.names.size, total: mine.total, bytes: 0, totalBytes: 0 });
    try {
      await mine.send((state) => shipment === mine && !opened && showUploading(state));
      if (mine.failed.length) askAbout(mine);
      else await start(mine);
    } catch (problem) {
      if (!mine.isCancelled) hold(problem, { again: () => send(mine) });
    } finally {
      mine.isSending = false;
    }
  }

  function hold(problem, actions, title = problem.title) {
    part("batch-title").textContent = title;
    showProblem(problem, actions);
  }

  function askAbout(mine) {
    const { failed, total, names, error } = mine;
    const title = names.size ? `${failed.length} of ${total} not sent` : "Nothing was sent";
    hold(error, { again: () => send(mine), goOn: names.size ? () => start(mine) : null }, title);
  }

  async function start(mine) {
    try {
      const request = await mine.request();
      if (mine.isCancelled) return;
      mine.isAsked = true;
      arrive(await startBatch(request), mine);
    } catch (problem) {
      mine.isAsked = false;
      if (!mine.isCancelled) hold(problem, { again: () => start(mine) });
    }
  }

  // mine: the shipment it was made of, null where there was none to send.
  function arrive(view, mine) {
    const { sources = new Map(), pictures = [], note = "" } = mine ?? {};
    kept.set(view.batch_id, { sources, pictures, note });
    const isLeft = shipment !== mine; // cancelled at the last moment, and perhaps the next one is being sent
    if (isLeft && !opened) keepLooking(showRecent, stillIn(visit));
    if (isLeft) return;
    shipment = null;
    if (!part("many").hidden) go(`#batch/${view.batch_id}`);
  }

  function stop() {
    const { remains, isAsked } = shipment;
    shipment.cancel();
    shipment = null;
    show("");
    say(`${remains} ${isAsked ? "The batch was being started: look for it in the list." : "No batch was started."}`);
  }

  // What became of a sending, where it began; "" until there is something to say.
  function say(words) {
    part("batch-stopped").hidden = !words;
    part("batch-stopped").querySelector("p").textContent = words;
  }

  async function onList(text) {
    if (isAsking) return;
    isAsking = true;
    refuse(null);
    try {
      const request = requestOf(text, options());
      if (request) arrive(await startBatch(request), null);
      else await onFiles([listFile(text)]);
    } catch (problem) {
      refuse(problem);
    } finally {
      isAsking = false;
    }
  }

  function onLines(text) {
    const field = part("batch-lines");
    go("#batch");
    field.value = [field.value.trimEnd(), text].filter(Boolean).join("\n");
    countLines();
    field.focus();
  }

  function countLines() {
    const count = linesOf(part("batch-lines").value).length;
    part("batch-go").disabled = count === 0;
    part("batch-go").textContent = count ? `Classify ${counted(count, "address", "addresses")}` : "Classify the list";
  }

  part("batch-lines").addEventListener("input", countLines);
  part("batch-list").addEventListener("submit", (event) => {
    event.preventDefault();
    onList(part("batch-lines").value);
  });
  part("batch-back").addEventListener("click", (event) => {
    event.preventDefault();
    go("#batch");
  });
  part("model").addEventListener("change", refresh);
  addEventListener("beforeunload", (event) => shipment && event.preventDefault());
  countLines();

  return { show, leave, refresh, onFiles, onLines };
}
