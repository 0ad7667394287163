// The workflow API. Failures are Problems, as in api.js.
import { asker } from "./api.js";

const ask = asker("No runs here.", "Runs need Step Functions and a bucket, which this server does not have. On a laptop the " +
  "local cloud has them. Start it with: make run");

export const startRun = (request) => ask("workflows", request);
export const listRuns = async () => (await ask("workflows")).workflows;
export const getRun = (name) => ask(`workflows/${encodeURIComponent(name)}`);
