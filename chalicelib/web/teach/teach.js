// The tab Teach, which a laptop alone has: pictures with labels become a model, by a job beside the app.
import { Problem, asProblem, call, send } from "../shared/api.js";
import { amount, counted, make, part } from "../shared/dom.js";
import { copyFor } from "../picture/sources.js";
import { pathOf } from "../shared/files.js";
import { keepLooking } from "../shared/views.js";
import { showOutcome } from "./outcome.js";
import { Piles } from "./piles.js";

const AT_ONCE = 4; // pictures on their way
const LATEST = 1000; // ms between two looks at a job

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const STATES = { running: "Running", finished: "Finished", failed: "Failed", cancelled: "Cancelled" };

const AGAIN = new Set(["failed", "cancelled"]); // states in which a job can begin anew

const HEADS = {
  running: "Learning…",
  finished: "Taught.",
  failed: "The training failed.",
  cancelled: "Cancelled.",
};

const total = ({ pictures }) => Object.values(pictures).reduce((sum, count) => sum + count, 0);

// models(): as the picker has them. model(): the one of them that answers. onTaught(): there is one more, or another. use(name): let it answer.
// compare(name): put it to the test. go(hash): to another view of the page.
export function makeTab({ models, model, onTaught, use, compare, go }) {
  const piles = new Piles(refresh);
  let sending = null; // AbortController while pictures are sent
  let visit = 0; // counts the changes of what is shown, so that late answers are dropped
  let shown = null; // the job that is shown

  const named = () => part("teach-name").value.trim();

  // The running server has loaded what is there already, and would go on with it: a model has a name of its own.
  const isTaken = (name) => models().some((model) => model.name === name);

  function nameless() {
    if (!named()) return "Give the model a name.";
    if (!NAME.test(named())) return "Use lower-case letters, digits and hyphens, such as pets-2.";
    return isTaken(named()) ? `There is a model ${named()} already. Choose another name.` : "";
  }

  function refresh() {
    const { lack, labelled } = piles;
    const missing = lack || nameless();
    part("teach-go").disabled = !labelled.length || missing !== "" || sending !== null;
    part("teach-go").textContent = labelled.length ? `Teach with ${counted(labelled.length, "picture")}` : "Teach";
    part("teach-lack").textContent = labelled.length ? missing : "";
  }

  function offer() {
    const bases = models().filter(({ embedding }) => embedding);
    const chosen = part("teach-base").value || model()?.name; // on the bundled one, listed first, photographs are learned badly
    part("teach-base").replaceChildren(...bases.map(({ name, title }) => new Option(title || name, name)));
    if (bases.some(({ name }) => name === chosen)) part("teach-base").value = chosen;
    part("teach-no-base").hidden = bases.length > 0;
  }

  function refuse(problem) {
    part("teach-refusal").hidden = !problem;
    part("teach-refusal").querySelector("p").textContent = problem?.message ?? "";
  }

  // id: of a job, or "" for the newest one that runs.
  async function show(id) {
    visit += 1;
    const asked = visit;
    offer();
    refresh();
    try {
      const { jobs } = await call("teachings");
      if (asked !== visit) return;
      list(jobs);
      const job = id ? await call(`teachings/${id}`) : jobs.find(({ status }) => status.state === "running");
      if (asked !== visit) return;
      present(job ?? null);
      if (job?.status.state === "running") follow(job.id);
    } catch (error) {
      if (asked === visit) refuse(asProblem(error));
    }
  }

  function follow(id) {
    const asked = ++visit;
    const isStill = () => asked === visit;
    const look = async () => {
      const job = await call(`teachings/${id}`);
      if (!isStill()) return false;
      present(job);
      return job.status.state === "running";
    };
    const watch = () => keepLooking(look, isStill, LATEST).catch((error) => {
      if (!isStill()) return;
      refuse(asProblem(error));
      setTimeout(() => isStill() && watch(), LATEST); // the server may come back
    });
    watch();
  }

  function present(job) {
    const was = shown?.status.state;
    shown = job;
    const state = job?.status.state ?? "";
    part("teach-work").dataset.state = state;
    part("teach-head").textContent = state === "finished" ? `${job.wanted.title || job.wanted.name} is taught.` : HEADS[state] ?? "Show it some of each.";
    part("teach-hint").hidden = Boolean(job);
    part("teach-cancel").hidden = state !== "running" && sending === null;
    part("teach-bar").hidden = state !== "running";
    part("teach-outcome").hidden = state !== "finished";
    part("teach-retry").hidden = !(AGAIN.has(state) && job.wanted);
    part("teach-doing").textContent = "";
    if (!job) return;
    const { what, done, of, error } = job.status;
    if (state === "running") step(what, done, of);
    if (state === "failed") part("teach-doing").textContent = error;
    if (state === "finished") showOutcome(job);
    if (AGAIN.has(state)) part("teach-again").textContent = `Teach again with ${counted(total(job), "picture")}`;
    if (was !== state) part("teach-announcement").textContent = part("teach-head").textContent;
    if (was === "running" && state !== "running") relist();
    if (was === "running" && state === "finished") onTaught();
  }

  function step(what, done, of) {
    const bar = part("teach-bar");
    bar.style.setProperty("--done", of ? done / of : 0);
    bar.setAttribute("aria-valuenow", of ? Math.round((100 * done) / of) : 0);
    part("teach-doing").textContent = of ? `${what}: ${amount(done)} of ${amount(of)}` : what;
  }

  const relist = () => call("teachings").then(({ jobs }) => list(jobs), () => {}); // the old list will do

  function list(jobs) {
    part("teach-recent").hidden = !jobs.length;
    part("teach-jobs").replaceChildren(...jobs.map((job) => {
      const { id, wanted, pictures, status } = job;
      const item = make("li");
      const link = make("a", "batch-link");
      link.href = `#teach/${id}`;
      link.dataset.status = status.state;
      const words = [STATES[status.state] ?? status.state, counted(Object.keys(pictures).length, "label"), counted(total(job), "picture")];
      link.append(make("strong", "", wanted.title || wanted.name), make("span", "batch-words", words.join(" · ")));
      item.append(link);
      return item;
    }));
  }

  async function teach() {
    refuse(null);
    const job = (sending = new AbortController());
    piles.hold(true);
    refresh();
    present(null);
    try {
      const { id } = await send("teachings", {});
      await ship(id, piles.labelled, job.signal);
      sending = null;
      await start(id, { name: named(), base: part("teach-base").value, reject: part("teach-reject").checked });
    } catch (error) {
      sending = null;
      present(null);
      if (!job.signal.aborted) refuse(asProblem(error));
      job.abort(); // the other pictures on their way
    } finally {
      piles.hold(false);
      refresh();
    }
  }

  async function start(id, wanted) {
    present(await send(`teachings/${id}/start`, wanted));
    go(`#teach/${id}`);
    reveal();
  }

  // The button may be far below what tells of the teaching.
  function reveal() {
    part("teach-head").focus({ preventScroll: true });
    part("teach-head").scrollIntoView({ block: "center" });
  }

  async function again() {
    const { id, wanted } = shown;
    refuse(isTaken(wanted.name) ? new Problem(`There is a model ${wanted.name} already. Add the pictures and choose another name.`) : null);
    if (isTaken(wanted.name)) return;
    part("teach-again").disabled = true; // a second press would be refused
    try {
      await start(id, wanted);
      show(id); // as the address may stay what it was
    } catch (error) {
      refuse(asProblem(error));
    } finally {
      part("teach-again").disabled = false;
    }
  }

  async function ship(id, labelled, signal) {
    const rest = [...labelled];
    let done = 0;
    part("teach-work").dataset.state = "sending";
    part("teach-bar").hidden = false;
    part("teach-head").textContent = "Sending…";
    part("teach-hint").hidden = true;
    part("teach-cancel").hidden = false;
    reveal();
    const carry = async () => {
      for (let next = rest.shift(); next; next = rest.shift()) {
        await put(id, next, signal);
        step("sending pictures", (done += 1), labelled.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, carry));
  }

  async function put(id, { label, file }, signal) {
    const { isLarge, copy } = await copyFor(file);
    if (isLarge && !copy) {
      throw new Problem(`${file.name} is too large, and your browser cannot make it smaller. Remove it, then teach again.`);
    }
    const query = new URLSearchParams({ label, name: pathOf(file).split("/").at(-1) });
    await call(`teachings/${id}/pictures?${query}`, {
      method: "POST", body: copy?.blob ?? file, signal, headers: { "Content-Type": "application/octet-stream" },
    });
  }

  async function cancel() {
    if (sending) {
      sending.abort();
      return;
    }
    try {
      present(await call(`teachings/${shown.id}`, { method: "DELETE" }));
    } catch (error) {
      refuse(asProblem(error));
    }
  }

  function onFiles(files) {
    go("#teach");
    if (sending) return;
    const others = piles.add(files);
    refuse(others ? new Problem(`${counted(others, "file")} left out, because they are not pictures, are empty, or are over 20 MB.`) : null);
  }

  part("teach-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!part("teach-go").disabled) teach();
  });
  part("teach-form").addEventListener("input", refresh);
  part("teach-cancel").addEventListener("click", cancel);
  part("teach-again").addEventListener("click", again);
  part("teach-use").addEventListener("click", () => use(shown.wanted.name));
  part("teach-compare").addEventListener("click", () => compare(shown.wanted.name));
  addEventListener("beforeunload", (event) => sending && event.preventDefault());

  return {
    show,
    leave() {
      visit += 1;
    },
    refresh() {
      offer();
      refresh();
    },
    onFiles,
    onLines: () => refuse(new Problem("Teaching needs picture files, not URLs. Drop files or folders.")),
  };
}
