// The workflow API. Failures are Problems, as in api.js.
import { Problem, call } from "./api.js";

async function ask(path, body) {
  try {
    return await call(path, body && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch (error) {
    if (!error.code?.startsWith("NotConfigured")) throw error;
    throw new Problem("Runs need Step Functions and a bucket, which this server does not have. On a laptop the local " +
      "cloud has them. Start it with: make run", { title: "No runs here.", code: error.code });
  }
}

export const startRun = (request) => ask("workflows", request);
export const listRuns = async () => (await ask("workflows")).workflows;
export const getRun = (name) => ask(`workflows/${encodeURIComponent(name)}`);
