// What answers would cost on AWS, in words: an estimate, and said to be one.
import { GB_SECOND, MEMORY_MB, MILLION_API_REQUESTS, MILLION_IN_BATCHES, MILLION_INVOCATIONS, REGION } from "./prices.js";

const dollars = (value) => (value < 0.01 ? "under 1 cent" : `about $${value.toLocaleString("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 })}`);

// timing: timing_ms of an answer, which is about what Lambda bills.
export function costOfAnswer({ fetch = 0, decode = 0, infer = 0, explain = 0 }) {
  const seconds = Math.ceil(fetch + decode + infer + explain) / 1000;
  const million = (MEMORY_MB / 1024) * seconds * GB_SECOND * 1e6 + MILLION_INVOCATIONS + MILLION_API_REQUESTS;
  return `Estimate: a million such answers cost ${dollars(million)} on AWS in ${REGION}.`;
}

// What heat maps take, where that is more than a moment. inferences: of an explained picture.
export function priceOfExplaining(timing, inferences = 1) {
  if (inferences === 1) return "";
  return `Takes ${inferences} inferences. ${costOfAnswer({ ...timing, explain: (inferences - 1) * timing.infer })}`;
}

export function costOfBatch(pictures) {
  const cost = dollars((pictures / 1e6) * MILLION_IN_BATCHES);
  return `Estimate: ${cost} on AWS in ${REGION}, at Inception v3’s $${MILLION_IN_BATCHES} a million`;
}
