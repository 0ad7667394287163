// Many files into the bucket, a few at a time.
import { upload } from "./bucket.js";

const AT_ONCE = 4;
const TRIES = 3;

// waiting: [{file, name}] -> {prefix, names: Map of id -> file, failed: those that could not be sent, error: why}
// onProgress({files, bytes, totalBytes}): done so far.
export async function uploadAll(all, batch, signal, onProgress) {
  const waiting = [...all];
  const outcome = { prefix: "", names: new Map(), failed: [], error: null };
  const sent = new Map();
  const totalBytes = all.reduce((sum, { file }) => sum + file.size, 0);
  let bytes = 0;

  function note(file, count) {
    bytes += count - (sent.get(file) ?? 0);
    sent.set(file, count);
    onProgress({ files: outcome.names.size, bytes, totalBytes });
  }

  async function work() {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { file, name } = next;
      try {
        const address = await withRetries(() => upload(file, name, batch, signal, (count) => note(file, count)), signal);
        const cut = address.lastIndexOf("/") + 1;
        outcome.prefix = address.slice(0, cut);
        outcome.names.set(address.slice(cut), file);
        note(file, file.size);
      } catch (error) {
        if (signal.aborted || error.code?.startsWith("NotConfigured")) throw error;
        outcome.failed.push(next);
        outcome.error = error;
        note(file, 0);
      }
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcome;
}

async function withRetries(send, signal) {
  for (let number = 1; ; number += 1) {
    try {
      return await send();
    } catch (error) {
      if (signal.aborted || !error.canRetry || number === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** number));
    }
  }
}
