// The experiment's API. Failures are Problems, as in api.js.
import { call, send } from "./api.js";

export const getExperiment = () => call("experiment");

// arms: {name: weight}, weights summing to 1. -> the view that GET gives
export const putArms = (arms) => send("experiment", { arms }, "PUT");

// vote: {correct} or {label}. -> {arm, correct, counted}
export const sendVote = (id, vote) => send("feedback", { inference_id: id, ...vote });

// The part that an arm plays, as {name, weight} of a view plays it.
export const roleOf = (name, { champion }) => (name === champion ? "champion" : "challenger");
