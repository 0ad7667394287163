// The models there are, and which one is asked: the one picked by hand, or else the default or the experiment's choice.
import { listModels } from "./api.js";
import { part } from "./dom.js";
import { getExperiment, roleOf } from "./experimentapi.js";
import { isSplit } from "./experimentarms.js";

// onChosen(): another model is to answer.
export class ModelPicker {
  models = [];
  asked = ""; // the model picked by hand
  #preferred = "";
  #experiment = null; // the view of GET /experiment, where there is one

  constructor(onChosen) {
    part("model").addEventListener("change", ({ target }) => {
      this.#choose(target.value);
      onChosen();
    });
    part("suggested").addEventListener("click", () => {
      this.#choose("doodle");
      onChosen();
    });
  }

  get current() {
    return this.models.find(({ name }) => name === (this.asked || this.#preferred));
  }

  async load() {
    const { preferred, models } = await listModels();
    this.models = models;
    this.#preferred = preferred;
    this.#fill();
    if (models.length > 1) getExperiment().then((view) => this.follow(view), () => {}); // most servers have none
  }

  // view: of GET /experiment, as the picker or another part of the page has just seen it.
  follow(view) {
    const was = this.#isSplit;
    this.#experiment = view;
    if (this.#isSplit !== was) this.#fill();
  }

  // entry: {answer, asked}. -> what the page says of an answer on account of the experiment
  standing({ answer: { arm }, asked }) {
    return {
      role: arm && this.#isSplit ? roleOf(arm, this.#experiment) : "",
      canVote: Boolean(arm || (asked && this.#experiment)),
    };
  }

  get #isSplit() {
    return this.#experiment !== null && isSplit(this.#experiment);
  }

  #choose(name) {
    this.asked = name;
    part("model").value = name;
    this.#suggest();
  }

  #fill() {
    const choices = this.models.map(({ name, title }) => new Option(title || name, name));
    if (this.#isSplit) choices.unshift(new Option("By experiment", ""));
    part("model").replaceChildren(...choices);
    part("model").value = this.asked || (this.#isSplit ? "" : this.#preferred);
    part("model-picker").hidden = this.models.length < 2;
    this.#suggest();
  }

  // Photograph models are poor at doodles: offer the one made for them.
  #suggest() {
    const doodle = this.models.find(({ name }) => name === "doodle");
    part("suggestion").hidden = !doodle || this.current === doodle;
    part("suggested").textContent = `Use ${doodle?.title || "doodle"}`;
  }
}
