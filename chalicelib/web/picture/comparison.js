// What the answer is compared with: another model, or the same model on another part of the picture.
import { asProblem, predict } from "../shared/api.js";
import { make, part } from "../shared/dom.js";
import { PARTS } from "./seen.js";

export class Comparison {
  #choice = null; // {model} or {resize}
  #choices = [];
  #sent = null; // the answer on its way: {source, choice, pending}

  // onChosen(): compare what is shown.
  constructor(onChosen) {
    part("compare-with").addEventListener("change", ({ target }) => {
      this.#choice = this.#choices[target.selectedIndex - 1] ?? null;
      if (this.#choice) onChosen();
      else this.close();
    });
    part("pair-close").addEventListener("click", () => {
      this.close();
      part("compare-with").focus();
    });
  }

  close() {
    this.#choice = null;
    part("compare-with").selectedIndex = 0;
    this.hide();
  }

  hide() {
    part("pair").hidden = true;
  }

  // Sends the second request beside the first. asked: the model picked by hand for the first, or "".
  begin(source, asked, signal) {
    const choice = this.#choice;
    if (!choice) return;
    const pending = predict(source, { model: choice.model?.name ?? asked, resize: choice.resize }, signal)
      .catch((error) => ({ problem: error.name === "AbortError" ? null : asProblem(error) })); // aborted: nobody looks
    this.#sent = { source, choice, pending };
  }

  // entry: the answer that is shown; models: those there are. isKept: whether its picture can be sent again.
  offer(entry, models, isKept) {
    const { answer: { model } } = entry;
    const own = models.find(({ name }) => name === model.name);
    const others = models.filter(({ name }) => name !== model.name).map((other) => ({ model: other }));
    const parts = own?.preprocessing ? Object.keys(PARTS).filter((way) => way !== own.preprocessing.resize).map((resize) => ({ resize })) : [];
    this.#choices = [...others, ...parts];
    this.#choice = this.#choices.find((choice) => isSame(choice, this.#choice)) ?? null;
    part("compare").hidden = !isKept || !this.#choices.length;
    part("compare-with").replaceChildren(
      new Option("Choose…", ""),
      ...grouped("Another model", others, ({ model: { title, name } }) => title || name),
      ...grouped("This model, which sees", parts, ({ resize }) => PARTS[resize]),
    );
    part("compare-with").selectedIndex = this.#choices.indexOf(this.#choice) + 1;
  }

  // Shows the two side by side, once the second has come.
  async show(entry, models, signal) {
    this.hide();
    if (!this.#choice || part("compare").hidden) return;
    if (this.#sent?.source !== entry.source || !isSame(this.#sent.choice, this.#choice)) this.begin(entry.source, entry.asked, signal);
    const { choice, pending } = this.#sent;
    const [other, { showPair }] = await Promise.all([pending, import("./pair.js")]);
    if (!signal?.aborted && isSame(choice, this.#choice)) showPair(entry, other, choice, models);
  }
}

const isSame = (choice, other) => choice?.model?.name === other?.model?.name && choice?.resize === other?.resize && Boolean(choice) === Boolean(other);

function grouped(title, choices, wordsFor) {
  if (!choices.length) return [];
  const group = make("optgroup");
  group.label = title;
  group.append(...choices.map((choice) => new Option(wordsFor(choice))));
  return [group];
}
