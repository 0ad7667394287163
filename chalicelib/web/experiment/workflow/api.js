// The workflow API. Failures are Problems, as in api.js.
import { asker } from "../../shared/api.js";

const ask = asker("No runs here.", "Runs need Step Functions and a bucket, which this server does not have. On a laptop the " +
  "local cloud has them. Start it with: make run");

export const startRun = (request) => ask("workflows", request);
// -> {unknown_labels, known_to_one}: right answers that would not count. Nothing is started.
export const checkRun = (request) => ask("workflows", { ...request, dry_run: true });
export const listRuns = async () => (await ask("workflows")).workflows;
export const getRun = (name) => ask(`workflows/${encodeURIComponent(name)}`);
