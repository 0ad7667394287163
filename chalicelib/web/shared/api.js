// Calls to the server. Every failure becomes a Problem: a sentence that says what to do.
import { isClosed } from "./kepttoken.js";
import { withToken } from "./token.js";

export const MAX_LABELS = 5;

export class Problem extends Error {
  constructor(message, { title = "That did not work.", code = "", canRetry = false } = {}) {
    super(message);
    Object.assign(this, { title, code, canRetry });
  }
}

// What a person is told of an error: a fault of the page itself goes to the console.
export function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("Something in this page went wrong. Reload it, then try again.");
}

// API Gateway answers these by itself, without a sentence of ours.
const GATEWAY = {
  413: "The picture is too large for the server. Choose one under 4 MB.",
  429: "The server is busy. Wait a moment, then try again.",
  502: "The server could not handle this request. Try again.",
  503: "The server is not ready yet. Wait a moment, then try again.",
  504: "The server took too long, which can happen after a pause. Try again.",
};

export function problemOf(status, body) {
  const { code = "", message = GATEWAY[status] } = body?.error ?? {};
  return new Problem(message || "This page does not understand the server’s answer. Reload the page, then try again.", {
    title: code.startsWith("Model") ? "No model." : status >= 500 ? "No answer." : "I cannot see it.",
    code: [code, status].filter(Boolean).join(" · "),
    canRetry: status >= 500 || [408, 429].includes(status) || code === "SourceUnreachable",
  });
}

export async function reach(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Check that it is running and that you are online, then try again.",
      { title: "Nobody there.", canRetry: true });
  }
}

export function call(path, options) {
  return reach(async () => {
    const response = await withToken((token) => fetch(path, { ...options, headers: { ...options?.headers, ...token } }));
    if (isClosed(response)) {
      throw new Problem("This service requires a token. Try again, and sign in.",
        { title: "Not signed in.", code: String(response.status), canRetry: true });
    }
    const body = parsed(await response.text());
    if (response.ok && body) return body;
    throw problemOf(response.status, body);
  });
}

export const send = (path, body, method = "POST") =>
  call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const isOff = (problem) => Boolean(problem.code?.startsWith("NotConfigured"));

// What asks for a part of the service that not every server has, and says so in these words.
export const asker = (title, message) => async (path, body) => {
  try {
    return await (body ? send(path, body) : call(path));
  } catch (problem) {
    throw isOff(problem) ? new Problem(message, { title, code: problem.code }) : problem;
  }
};

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export async function listModels() {
  const { default: preferred, experiment, models, missing, teaches } = await call("models");
  if (!models?.length) {
    throw new Problem("The server has no model yet. Fetch one with: make model NAME=inception-v3",
      { title: "No model.", canRetry: true });
  }
  return { preferred, experiment, models, missing, teaches };
}

let visitor = null;

// A name for this visit, so that an experiment answers it with one model throughout.
function clientId() {
  try {
    visitor ??= sessionStorage.getItem("client-id") ?? rename();
  } catch {
    visitor = ""; // storage is forbidden: the picture itself decides
  }
  return visitor;
}

function rename() {
  const id = newId();
  sessionStorage.setItem("client-id", id);
  return id;
}

// From here on, be a visitor whom an experiment may give another model.
export function becomeAnother() {
  try {
    visitor = rename();
  } catch {
    visitor = newId();
  }
}

// crypto.randomUUID is only there over https.
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// What goes over the wire; snippets.js shows the same in other languages. options: {model, explain, resize}, each if wanted.
export function requestFor(source, options) {
  const choice = Object.fromEntries(Object.entries(options).filter(([, value]) => value));
  if (source.json) {
    return {
      path: "predict",
      type: "application/json",
      body: JSON.stringify({ ...source.json, max_labels: MAX_LABELS, ...choice }),
    };
  }
  const query = new URLSearchParams({ max_labels: MAX_LABELS, ...choice });
  return { path: `predict?${query}`, type: source.type, body: source.bytes };
}

// -> {answer, elapsed}: the server's JSON, and the round trip in milliseconds.
export async function predict(source, options, signal) {
  const { path, type, body } = requestFor(source, options);
  const headers = { "Content-Type": type, "X-Client-Id": clientId() };
  const start = performance.now();
  const answer = await call(path, { method: "POST", headers, body, signal });
  return { answer, elapsed: performance.now() - start };
}
