// The experiment's API. Failures are Problems, as in api.js.
import { call } from "./api.js";

function send(path, method, body) {
  return call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

export const getExperiment = () => call("experiment");

// arms: {name: weight}, weights summing to 1. -> the view that GET gives
export const putArms = (arms) => send("experiment", "PUT", { arms });

// vote: {correct} or {label}. -> {arm, correct, counted}
export const sendVote = (id, vote) => send("feedback", "POST", { inference_id: id, ...vote });

export const isOff = (problem) => Boolean(problem.code?.startsWith("NotConfigured"));

// The part that an arm plays, as {name, weight} of a view plays it.
export const roleOf = (name, { champion }) => (name === champion ? "champion" : "challenger");
