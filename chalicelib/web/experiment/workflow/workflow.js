// The workflows of the experiment's view: start a run, follow it, see its report.
import { part } from "../../shared/dom.js";
import { RunFollower } from "./follow.js";
import { showRecentRuns } from "./recent.js";
import { StartForm } from "./start.js";
import { keepLooking, turnTo } from "../../shared/views.js";

// go(hash): to another view of the page.
export function makeWorkflows({ go }) {
  const follower = new RunFollower();
  const kept = new Map(); // name of a run -> {files: Map of id -> file} that it was started with here
  const form = new StartForm(arrive);
  let visit = 0; // counts the changes of what is shown, so that late answers are dropped

  // name: of the run to show, or "" for the start.
  function show(name) {
    visit += 1;
    turnTo("workflow", Boolean(name), Boolean(name));
    if (name) {
      follower.open(name, kept.get(name));
      return;
    }
    follower.rest();
    form.open();
    keepLooking(showRecentRuns, stillIn(visit));
  }

  const stillIn = (asked) => () => visit === asked;

  function leave() {
    visit += 1;
    follower.rest();
  }

  function arrive({ name }, { sources }) {
    kept.set(name, { files: sources });
    if (part("trial").hidden) return;
    if (document.activeElement === document.body) part("workflow-question").focus({ preventScroll: true }); // its button was held
    go(`#experiment/${name}`);
  }

  function onFiles(files) {
    go("#experiment");
    form.give(files);
  }

  function onLines(text) {
    go("#experiment");
    form.addLines(text);
  }

  part("workflow-back").addEventListener("click", (event) => {
    event.preventDefault();
    go("#experiment");
  });

  return { show, leave, compare: (challenger) => form.propose(challenger), onFiles, onLines };
}
