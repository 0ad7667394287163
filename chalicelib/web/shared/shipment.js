// From files or a list to a batch: what is sent first, and what is asked for then.
import { Problem } from "./api.js";
import { checkManifest } from "./manifest.js";
import { RANDOM, batchName, idsOf, instancesOf, linesOf, namer, sortOut } from "./files.js";
import { uploadAll } from "./upload.js";
import { amount, counted } from "./dom.js";

const MAX_INSTANCES = 10_000;
const MAX_BODY = 4_000_000; // Lambda takes 6 MB, and API Gateway makes it more on the way

const NOTHING = "None of these files is a picture. Choose JPEG, PNG, WebP or similar files, up to 20 MB each, " +
  "or one .txt, .csv, .jsonl or .manifest with their URLs.";

// One sending of files; `send` once more sends what could not be sent before.
export class Shipment {
  names = new Map(); // name in the bucket -> file, of what was sent
  sources = new Map(); // name in the results -> file, likewise
  sent = 0; // how many files, also while they are being sent
  failed = [];
  error = null;
  prefix = ""; // s3:// address of what was sent, up to its name
  #ids; // Map of file -> its name in the results
  #abort = new AbortController();

  // options: {max_labels, model} of the batch. Raises Problem where there is nothing to send.
  constructor(files, options) {
    const { manifest, pictures, leftOut, title } = sortOut(files);
    if (!manifest && !pictures.length) throw new Problem(NOTHING);
    const nameOf = namer();
    this.#ids = idsOf(pictures);
    Object.assign(this, { manifest, pictures, options, title, note: noteOn(leftOut), batch: batchName(title) });
    this.failed = (manifest ? [manifest] : pictures).map((file) => ({ file, name: nameOf(file.name) }));
    this.total = this.failed.length;
  }

  // Raises Problem where the server would not take what is to be sent.
  async check() {
    if (this.manifest) await checkManifest(this.manifest, this.failed[0].name);
  }

  async send(onProgress) {
    const waiting = this.failed;
    const before = this.names.size;
    const outcome = await uploadAll(waiting, this.batch, this.#abort.signal, ({ files, ...bytes }) => {
      this.sent = before + files;
      onProgress({ files: this.sent, total: this.total, ...bytes });
    });
    for (const [name, file] of outcome.names) {
      this.names.set(name, file);
      if (!this.manifest) this.sources.set(this.#ids.get(file), file);
    }
    this.prefix ||= outcome.prefix;
    Object.assign(this, { failed: outcome.failed, error: outcome.error });
  }

  // What was sent, in the order it was given. -> [{id, s3_uri}]
  get instances() {
    const names = new Map([...this.names].map(([name, file]) => [file, name]));
    const sent = this.pictures.filter((file) => names.has(file));
    return sent.map((file) => ({ id: this.#ids.get(file), s3_uri: this.prefix + names.get(file) }));
  }

  // The request of the batch that is made of what was sent. Names and an order that the bucket does not have go along in a list.
  async request() {
    if (this.manifest) return { manifest: this.prefix + [...this.names.keys()][0], ...this.options };
    const { instances } = this;
    const isListed = ({ id, s3_uri: address }, i) => address === this.prefix + id && !(instances[i - 1]?.id > id);
    const areSame = instances.every(isListed);
    const what = areSame ? { prefix: this.prefix } : await sendList(instances, this.batch);
    return { ...what, ...this.options };
  }

  cancel() {
    this.#abort.abort();
  }

  // What a cancelled one leaves behind, in words.
  get remains() {
    const { sent, total } = this;
    if (!sent) return "Cancelled before anything was sent.";
    const count = sent === total ? `all ${counted(total, "file")} sent` : `${amount(sent)} of ${counted(total, "file")} sent, ${amount(total - sent)} not`;
    return `Cancelled: ${total === 1 ? "the file was sent" : count}. What was sent stays in the bucket.`;
  }

  get isCancelled() {
    return this.#abort.signal.aborted;
  }
}

function noteOn({ others = 0, large = 0, empty = 0 }) {
  const reasons = [
    others && `${counted(others, "file")} that ${others === 1 ? "is no picture" : "are no pictures"}`,
    large && `${counted(large, "file")} over 20 MB`,
    empty && counted(empty, "empty file"),
  ].filter(Boolean);
  return reasons.length ? `Left out: ${reasons.join(", ")}.` : "";
}

// A pasted list, as the request that starts its batch; null where only a file of it can be sent.
export function requestOf(text, options) {
  const lines = linesOf(text);
  if (!lines.length) throw new Problem("Paste URLs of pictures first, one per line.");
  if (lines.length > MAX_INSTANCES || text.length > MAX_BODY / 2) return null;
  return { instances: instancesOf(text), ...options };
}

export const listFile = (text) => new File([text], "list.txt", { type: "text/plain" });

// Put a list of instances into the bucket. place: where, by the name of the uploads it belongs to; a second try puts it there again.
export async function sendList(instances, place) {
  const file = new File(instances.map((instance) => `${JSON.stringify(instance)}\n`), `${place.replace(RANDOM, "")}.jsonl`);
  const sent = await uploadAll([{ file, name: file.name }], place, new AbortController().signal, () => {});
  if (sent.failed.length) throw sent.error ?? new Problem("The list could not be sent. Try again.", { canRetry: true });
  return { manifest: sent.prefix + [...sent.names.keys()][0] };
}
