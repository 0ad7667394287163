// The form that starts a run: two models, and pictures to try them on.
import { listModels, Problem } from "../../shared/api.js";
import { batchName, linesOf } from "../../shared/files.js";
import { counted, part } from "../../shared/dom.js";
import { fileOf, samplesOf } from "../../shared/samples.js";
import { checkRun, startRun } from "./api.js";
import { fromFiles, fromLines } from "./material.js";
import { showMaterial, showRefusal, showSending } from "./tray.js";
import { unknownWords } from "./words.js";

// The same name for the same request: a second try, after an answer that was lost, starts no second run.
function nameFor(material, request) {
  if (material.asked !== request) {
    Object.assign(material, { asked: request, name: batchName(material.title || "pictures") });
  }
  return material.name;
}

// onStarted(run, material): the server has it.
export class StartForm {
  #material = null;
  #underWay = null; // the material that is being sent and started
  #models = [];
  #hadFocus = false; // before the button was held, which takes it away
  #onStarted;

  constructor(onStarted) {
    this.#onStarted = onStarted;
    part("workflow-lines").addEventListener("input", () => this.#takeLines());
    part("workflow-samples").addEventListener("click", () => this.#takeSamples());
    part("workflow-clear").addEventListener("click", () => this.#clear());
    part("workflow-challenger").addEventListener("change", () => this.#refresh());
    part("workflow-champion").addEventListener("change", () => this.#refresh());
    part("workflow-cancel").addEventListener("click", () => this.#cancel());
    part("workflow-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    addEventListener("beforeunload", (event) => this.#isBusy && event.preventDefault());
    this.#takeLines(); // that were written before this script arrived
  }

  get #isBusy() {
    return this.#underWay !== null;
  }

  // The models may have changed since the last visit; what is chosen stays.
  async open() {
    try {
      const { preferred, models } = await listModels();
      this.#offer(models, preferred);
    } catch (problem) {
      showRefusal(problem, { again: () => this.open() });
    }
  }

  // Another part of the page offers to put this model to the test.
  async propose(challenger) {
    await this.open();
    const champion = part("workflow-champion");
    if (champion.value === challenger) champion.value = this.#models.find(({ name }) => name !== challenger)?.name;
    part("workflow-challenger").value = challenger;
    this.#refresh();
    part("workflow-question").focus();
  }

  #offer(models, preferred) {
    const [champion, challenger] = [part("workflow-champion"), part("workflow-challenger")];
    const chosen = [champion.value || preferred, challenger.value];
    const optionOf = ({ name, title }) => new Option(title || name, name);
    champion.replaceChildren(...models.map(optionOf));
    challenger.replaceChildren(new Option("None: only classify", ""), ...models.map(optionOf));
    champion.value = chosen[0];
    if (!champion.value) champion.value = preferred;
    const rival = models.find(({ name }) => name !== chosen[0])?.name ?? "";
    challenger.value = this.#models.length ? chosen[1] : rival;
    if (challenger.selectedIndex < 0) challenger.value = "";
    this.#models = models;
    part("workflow-rivals-note").textContent = models.length > 1 ? "" :
      "There is one model here, so there is nothing to compare it with. Fetch another with: make model NAME=inception-v1";
    this.#refresh();
  }

  async give(files) {
    if (this.#isTold()) return;
    showRefusal(null);
    try {
      const material = fromFiles(files);
      await material.shipment.check();
      if (this.#isTold()) return;
      this.#material = material;
    } catch (problem) {
      showRefusal(problem);
    }
    this.#refresh();
  }

  // Whether it is busy, and has said so.
  #isTold() {
    if (this.#isBusy) part("workflow-sending").textContent = "Wait until these files are sent, or cancel them.";
    return this.#isBusy;
  }

  addLines(text) {
    const field = part("workflow-lines");
    field.value = [field.value.trimEnd(), text].filter(Boolean).join("\n");
    this.#takeLines();
    field.focus();
  }

  #takeLines(title = "list") {
    const text = part("workflow-lines").value;
    this.#material = linesOf(text).length ? fromLines(text, title) : null;
    this.#refresh();
  }

  // As files: on a stage that asks for a token, nothing but this page could fetch their addresses.
  async #takeSamples() {
    try {
      this.give((await samplesOf(this.#champion)).map(fileOf));
    } catch (problem) {
      showRefusal(problem, { again: () => this.#takeSamples() });
    }
  }

  get #champion() {
    return this.#models.find(({ name }) => name === part("workflow-champion").value);
  }

  #clear() {
    this.#cancel();
    showRefusal(null);
    part("workflow-files").focus();
  }

  #refresh() {
    const [champion, challenger] = [part("workflow-champion").value, part("workflow-challenger")];
    for (const option of challenger.options) option.disabled = option.value === champion;
    if (challenger.value === champion) challenger.value = "";
    const isAlone = !challenger.value;
    part("workflow-promote").disabled = isAlone || this.#isBusy;
    part("workflow-promote").checked &&= !isAlone;
    const count = this.#material?.count;
    const verb = isAlone ? "Classify" : "Compare on";
    part("workflow-go").textContent = count ? `${verb} ${counted(count, "picture")}` : "Start";
    part("workflow-go").disabled = !this.#material || !this.#models.length || this.#isBusy;
    part("workflow-samples").hidden = !this.#champion?.samples;
    showMaterial(this.#material);
    if (!this.#isBusy) showSending(null);
  }

  async #submit() {
    if (!this.#material || this.#isBusy) return;
    const material = this.#material;
    await this.#during(material, () => this.#sendAndStart(material), () => this.#submit());
  }

  async #sendAndStart(material) {
    await material.shipment?.send((state) => this.#underWay === material && showSending(state));
    const lost = material.shipment?.failed.length ?? 0;
    if (lost) this.#askAbout(material, lost);
    else await this.#start(material);
  }

  #askAbout(material, lost) {
    const { names, error } = material.shipment;
    const goOn = () => this.#goOn(material);
    const lead = `${counted(lost, "file")} not sent. `;
    showRefusal(error, { again: () => this.#submit(), goOn: names.size ? goOn : null, lead });
  }

  // isSure: whether they have seen which right answers will not count.
  #goOn(material, isSure = false) {
    return this.#during(material, () => this.#start(material, isSure), () => this.#goOn(material, isSure));
  }

  // The form is held while work() goes on, and free again after it however it ends; but a material that was
  // cancelled does not free the form from the next one.
  async #during(material, work, again) {
    this.#hold(material);
    showRefusal(null);
    try {
      await work();
    } catch (problem) {
      if (this.#underWay === material) showRefusal(problem, problem.canRetry ? { again } : {});
    } finally {
      if (this.#underWay === material) this.#hold(null);
    }
  }

  async #start(material, isSure = false) {
    const challenger = part("workflow-challenger").value;
    const request = {
      ...(await material.request()),
      champion: part("workflow-champion").value,
      ...(challenger ? { challenger } : {}),
      promote: part("workflow-promote").checked,
    };
    const hasAnswers = material.count === null || material.labels.some(Boolean);
    const words = hasAnswers && !isSure ? unknownWords(await checkRun(request)) : "";
    if (this.#underWay !== material) return; // it was cancelled
    if (words) {
      showRefusal(new Problem(words), { goOn: () => this.#goOn(material, true), goOnWords: "Start all the same" });
      return;
    }
    const run = await startRun({ ...request, name: nameFor(material, JSON.stringify(request)) });
    if (this.#material === material) {
      this.#material = null;
      part("workflow-lines").value = "";
    }
    this.#onStarted(run, material);
  }

  #cancel() {
    const words = this.#underWay?.shipment?.remains ?? "";
    this.#material?.shipment?.cancel();
    this.#material = null;
    this.#hold(null);
    part("workflow-sending").textContent = words;
  }

  // material: that holds the form; null frees it.
  #hold(material) {
    this.#underWay = material;
    if (material) this.#hadFocus = part("workflow-form").contains(document.activeElement);
    part("workflow-cancel").hidden = !material?.shipment;
    this.#refresh();
    if (!material && this.#hadFocus && document.activeElement === document.body) part("workflow-go").focus();
  }
}
