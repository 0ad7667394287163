// The pictures of a batch's results: files that were sent from here, addresses on the web, and else links of the bucket.
// Links work for minutes, and each is longer than its record: they are asked for when a picture is about to be seen.
import { hang, leaveBlank } from "../shared/thumbnail.js";
import { wordsFor } from "../shared/words.js";
import { getPictures } from "./api.js";

const AT_ONCE = 100; // of chalicelib/requests.py
const GATHERING = 50; // ms in which pictures that come into view together become one request
const GOOD_FOR = 240_000; // ms of a link that works for five minutes

const UNKEPT = "The picture was sent inside the request and is not stored.";
const UNLINKED = "The picture is a TIFF, or is in another bucket, so there is no link to it.";

const isOnWeb = (source) => /^(https?:|data:image\/)/i.test(source);
const isInBucket = (source) => source.startsWith("s3://");

export class Pictures {
  #id = "";
  #files = new Map(); // a result's id -> file, of what was sent from here
  #places = new Map(); // record -> its place in the results
  #local = new Map(); // file -> its address in this page
  #links = new Map(); // place -> {until, link: a promise, as of find()}
  #waiting = []; // {place, source, settle}
  #records = new WeakMap(); // frame -> record
  #nearby = new IntersectionObserver((entries) => this.#onNear(entries), { rootMargin: "300px" });

  open(id, records, files = new Map()) {
    this.close();
    this.#id = id;
    this.#files = files;
    this.#places = new Map(records.map((record, place) => [record, place]));
  }

  close() {
    this.#nearby.disconnect();
    for (const address of this.#local.values()) URL.revokeObjectURL(address);
    for (const map of [this.#local, this.#links]) map.clear();
    this.#waiting = [];
  }

  // Shows the record's picture in the frame once that is about to be seen.
  fill(frame, record) {
    this.#records.set(frame, record);
    this.#nearby.observe(frame);
  }

  // -> {address} of the record's picture, or {reason} why there is none to show
  async find(record) {
    const { id, source, error } = record;
    const file = isInBucket(source) && this.#files.get(id);
    if (file) return { address: this.#addressOf(file) };
    if (isOnWeb(source)) return { address: source };
    if (!isInBucket(source)) return { reason: UNKEPT };
    return error ? { reason: `${wordsFor(error.code)}.` } : this.#linkTo(record);
  }

  #onNear(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.#nearby.unobserve(target);
      this.#hang(target);
    }
  }

  async #hang(frame) {
    const { address, reason } = await this.find(this.#records.get(frame));
    if (!frame.isConnected) return;
    if (address) hang(frame, address);
    else leaveBlank(frame, reason);
  }

  #addressOf(file) {
    if (!this.#local.has(file)) this.#local.set(file, URL.createObjectURL(file));
    return this.#local.get(file);
  }

  #linkTo(record) {
    const place = this.#places.get(record);
    const known = this.#links.get(place);
    if (known?.until > performance.now()) return known.link;
    const link = new Promise((settle) => {
      this.#waiting.push({ place, source: record.source, settle });
      if (this.#waiting.length === 1) setTimeout(() => this.#ask(), GATHERING);
    });
    this.#links.set(place, { until: performance.now() + GOOD_FOR, link });
    return link;
  }

  async #ask() {
    const some = this.#waiting.splice(0, AT_ONCE);
    if (this.#waiting.length) setTimeout(() => this.#ask());
    if (!some.length) return;
    try {
      const { pictures } = await getPictures(this.#id, some.map(({ place }) => place));
      const urls = new Map(pictures.map(({ at, source, url }) => [`${at} ${source}`, url]));
      for (const { place, source, settle } of some) {
        const address = urls.get(`${place} ${source}`); // other results may have taken the place of these
        settle(address ? { address } : { reason: UNLINKED });
      }
    } catch (problem) {
      for (const { place, settle } of some) {
        this.#links.delete(place);
        settle({ reason: problem.message });
      }
    }
  }
}
