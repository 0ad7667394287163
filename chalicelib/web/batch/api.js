// The batch API. Failures are Problems, as in api.js.
import { askForBatches as ask } from "../shared/bucket.js";

const at = (id) => `batches/${encodeURIComponent(id)}`;

export const startBatch = (request) => ask("batches", request);
export const listBatches = async () => (await ask("batches")).batches;
export const getBatch = (id) => ask(at(id));
export const getPictures = (id, places) => ask(`${at(id)}/pictures?at=${places.join(",")}`);
export const cancelBatch = (id) => ask(`${at(id)}/cancel`, {});
export const retryBatch = (id) => ask(`${at(id)}/retry`, {});
