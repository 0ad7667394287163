// The list of recent batches, each a link to it.
import { amount, counted, make, part } from "../shared/dom.js";
import { listBatches } from "./api.js";
import { STATUS, ago, originOf } from "../shared/words.js";

const HINT = "They are classified in the background. You may leave the page and find the batch here again.";

// isStill(): whether the view is still the one that asked. -> whether one of them is under way
export async function showRecent(isStill) {
  let batches = [];
  try {
    batches = await listBatches();
    if (!isStill()) return false;
    part("batch-list-problem").hidden = true;
  } catch (error) {
    if (isStill()) showTrouble(error, () => showRecent(isStill));
    return false;
  }
  part("batch-recent-title").textContent = batches.length ? "Recent batches" : "Show me many pictures.";
  part("batch-recent-title").classList.toggle("batch-quiet", !batches.length);
  part("batch-hint").textContent = HINT;
  part("batches").replaceChildren(...batches.map(itemOf));
  return batches.some(isUnderway);
}

const isUnderway = ({ status }) => status === "queued" || status === "running";

function showTrouble(error, retry) {
  const box = part("batch-list-problem");
  part("batch-recent-title").textContent = error.title ?? "That did not work.";
  part("batch-hint").textContent = "";
  box.hidden = false;
  box.querySelector("p").textContent = error.message;
  box.querySelector("code").textContent = error.code ?? "";
  box.querySelector("button").onclick = retry;
}

function itemOf(batch) {
  const { status, counts: { total, done, failed } } = batch;
  const link = make("a", "batch-link");
  link.href = `#batch/${batch.batch_id}`;
  link.dataset.status = status;
  const words = [
    isUnderway(batch) && total ? `${amount(done)} of ${amount(total)} done` : STATUS[status] ?? status,
    failed && `${amount(failed)} failed`,
    ago(batch.created_at),
  ];
  link.append(
    make("strong", "", total ? counted(total, "picture") : "Not counted yet"),
    make("span", "batch-origin", originOf(batch.source)),
    make("span", "batch-words", words.filter(Boolean).join(" · ")),
  );
  const item = make("li");
  item.append(link);
  return item;
}
