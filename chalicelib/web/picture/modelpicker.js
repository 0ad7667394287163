// The models there are, and which one is asked: the one picked by hand, or else the default or the experiment's choice.
import { Problem, call, listModels } from "../shared/api.js";
import { isSplit, weightsOf } from "../shared/arms.js";
import { part } from "../shared/dom.js";
import { roleOf } from "../shared/experiment.js";

export class ModelPicker {
  models = [];
  asked = ""; // the model picked by hand
  teaches = false; // whether the server can be taught others
  #preferred = "";
  #experiment = null; // {champion, arms: {name: weight}}, where there is one
  #missing = null; // the service's own model, where another stands in for it
  #onNews;
  #onCurrent;

  // onChosen(): another model is to answer. onNews(): another one answers where none is picked.
  // onCurrent(model): this one is to answer, maybe as before.
  constructor({ onChosen, onNews, onCurrent }) {
    this.#onNews = onNews;
    this.#onCurrent = onCurrent;
    part("model").addEventListener("change", ({ target }) => {
      this.choose(target.value);
      onChosen();
    });
    part("suggested").addEventListener("click", () => {
      this.choose("doodle");
      onChosen();
    });
  }

  get current() {
    return this.models.find(({ name }) => name === (this.asked || this.#unasked));
  }

  // What classifies a batch, in which an experiment has no part.
  get ofBatches() {
    return this.models.find(({ name }) => name === (this.asked || this.#preferred));
  }

  async load() {
    const { preferred, experiment, models, missing, teaches } = await listModels();
    this.models = models;
    this.teaches = teaches;
    this.#missing = missing;
    this.#preferred = preferred;
    this.#experiment = experiment;
    this.#fill();
  }

  // view: of GET /experiment, as another part of the page has just seen it.
  follow(view) {
    const was = this.#state;
    this.#experiment = { champion: view.champion, arms: weightsOf(view) };
    if (this.#state === was) return;
    this.#fill();
    this.#onNews();
  }

  // entry: {answer, asked}. -> what the page says of an answer on account of the experiment
  standing({ answer: { arm } }) {
    return {
      role: arm && this.#isSplit ? roleOf(arm, this.#experiment) : "",
      canVote: Boolean(arm), // a vote on a model picked by hand would not count
    };
  }

  get #isSplit() {
    return this.#experiment !== null && isSplit(this.#experiment.arms);
  }

  // What answers where none is picked: of several arms the champion stands for them.
  get #unasked() {
    if (!this.#experiment) return this.#preferred;
    const { champion, arms } = this.#experiment;
    return this.#isSplit ? champion : Object.keys(arms).find((name) => arms[name] > 0);
  }

  get #state() {
    return `${this.#isSplit} ${this.#unasked}`;
  }

  // A link may name a model that is not listed, as it is in the models bucket; the server knows.
  async find(name) {
    if (!this.models.some((model) => model.name === name)) {
      const address = `models/${encodeURIComponent(name)}/samples`;
      await call(address).catch((problem) => {
        throw problem.code?.startsWith("ModelNotFound") ? new Problem(
          `The link asks for the model “${name}”, which is not here. Choose another model, then classify again.`,
          { title: "No such model.", code: problem.code },
        ) : problem;
      });
      this.models = [...this.models, { name, version: "", samples: address }];
      this.#fill();
    }
    this.choose(name);
  }

  choose(name) {
    this.asked = name;
    part("model").value = name;
    this.#suggest();
  }

  // The experiment is a choice of its own where it does anything but let the default model answer.
  #fill() {
    const choices = this.models.map(({ name, title }) => new Option(title || name, name));
    const decides = this.#isSplit || this.#unasked !== this.#preferred;
    if (decides) choices.unshift(new Option(this.#isSplit ? "By experiment" : `By experiment: ${this.#titleOf(this.#unasked)}`, ""));
    part("model").replaceChildren(...choices);
    part("model").value = this.asked || (decides ? "" : this.#preferred);
    part("model-picker").hidden = this.models.length < 2;
    part("model-picker").classList.remove("is-coming");
    this.#suggest();
  }

  #titleOf(name) {
    return this.models.find((model) => model.name === name)?.title || name;
  }

  // Photograph models are poor at doodles: offer the one made for them.
  #suggest() {
    const doodle = this.models.find(({ name }) => name === "doodle");
    part("suggestion").hidden = !doodle || this.current === doodle;
    part("suggested").textContent = `Use ${doodle?.title || "doodle"}`;
    this.#tellOfStandIn();
    this.#onCurrent(this.current);
  }

  // An answer by another model than the service's own is no secret.
  #tellOfStandIn() {
    const { current } = this;
    const isCatalogued = this.#missing?.startsWith("inception-");
    part("stand-in").hidden = !this.#missing || current?.name !== this.#preferred;
    if (part("stand-in").hidden) return;
    part("stand-in-missing").textContent = this.#missing;
    part("stand-in-name").textContent = current.title || current.name;
    part("stand-in-limits").hidden = current.name !== "doodle";
    part("stand-in-command").textContent = isCatalogued ? `make model NAME=${this.#missing}` : ".venv/bin/python -m tools.model list";
    part("stand-in-then").textContent = isCatalogued ? ", then start again." : " shows the models there are.";
    part("stand-in-get").textContent = isCatalogued ? "To get it: " : "";
  }
}
