// The service's buckets: files that are sent there, and results that come from there. Failures are Problems, as in api.js.
import { Problem, asker, problemOf, reach } from "./api.js";

export const askForBatches = asker("No batches here.", "Batches need buckets and a queue, which this server does not have. On a laptop the " +
  "local cloud has them. Start it with: make run");

// Store a file among those of `batch`. onSent(bytes): how much of it is on its way. -> its s3:// address
export async function upload(file, name, batch, signal, onSent) {
  const { url, fields, s3_uri: address } = await askForBatches("uploads", { filename: name, batch });
  signal.throwIfAborted();
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append("file", file); // S3 wants it last
  await send(url, form, signal, (sent) => onSent(Math.min(sent, file.size)));
  onSent(file.size);
  return address;
}

// fetch() cannot tell how much of a body is sent.
function send(url, form, signal, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.addEventListener("progress", ({ loaded }) => onSent(loaded));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(refusal(request));
    });
    request.addEventListener("error", () => {
      reject(new Problem("The bucket does not answer. Check that you are online, then try again.", { canRetry: true }));
    });
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

const refusal = (request) => new Problem("The bucket refused the file. Try again.", {
  code: `${codeIn(request)} · ${request.status}`,
  canRetry: request.status >= 500,
});

// Not by responseXML: what is no XML becomes a document with a style of its own, which the policy refuses.
const codeIn = ({ responseText }) => /<Code>(\w+)<\/Code>/.exec(responseText)?.[1] ?? "Refused";

const MOST = 100e6; // characters of results that a browser holds at ease, as heat maps are long

// At most `limit` records of the results, as they come in.
export function readResults(address, limit, signal) {
  return reach(async () => {
    const response = await fetch(address, { signal });
    if (!response.ok) throw problemOf(response.status, null);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const records = [];
    let [pending, length] = ["", 0];
    for (;;) {
      const { done, value = "" } = await reader.read();
      length += value.length;
      const lines = (pending + value).split("\n");
      pending = done ? "" : lines.pop();
      for (const line of lines) if (line) records.push(JSON.parse(line));
      if (!done && records.length < limit && length < MOST) continue;
      if (!done) reader.cancel().catch(() => {});
      return records.slice(0, limit);
    }
  });
}

export const fetchResults = (address) => reach(async () => {
  const response = await fetch(address);
  if (!response.ok) throw problemOf(response.status, null);
  return response.blob();
});
