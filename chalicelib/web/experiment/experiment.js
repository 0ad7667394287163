// The tab Experiment: what visitors say of the arms, and runs that compare two models on the same pictures.
import { makeVotes } from "./votes.js";
import { makeWorkflows } from "./workflow/workflow.js";

// models(), onView(view), go(hash): as makeVotes has them.
export function makeTab(options) {
  const votes = makeVotes(options);
  const { onFiles, onLines, ...workflows } = makeWorkflows(options);
  return {
    // name: of a run, or "" for the start.
    show(name) {
      votes.show(name);
      workflows.show(name);
    },
    leave() {
      votes.leave();
      workflows.leave();
    },
    refresh: votes.refresh,
    compare: workflows.compare,
    onFiles,
    onLines,
  };
}
