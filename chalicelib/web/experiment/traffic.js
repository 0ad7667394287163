// Who answers: each arm's share of the traffic, and the ramp that changes it.
import { asProblem } from "../shared/api.js";
import { make, part } from "../shared/dom.js";
import { putArms, roleOf } from "../shared/experiment.js";
import { isSame, weightsOf, withShare, without } from "../shared/arms.js";
import { percent } from "./chart.js";

const RAMP = [0.1, 0.5, 1];
const START = 0.1;
const SETTLING = 30_000; // ms that a server may go by the shares it knows
const SOURCES = {
  environment: "The shares come from the setting ARMS. Your choice here replaces them, without a deployment.",
  "experiment.json": "The shares were chosen here, or with PUT /experiment. They replace the setting ARMS.",
};

// models(): those of GET /models. titleOf(name). onView(view): of every change made here.
export class Traffic {
  #view = null;
  #before = null; // the weights that Undo leads back to
  #isBusy = false;
  #chosenAt = -Infinity;

  constructor({ models, titleOf, onView }) {
    Object.assign(this, { models, titleOf, onView });
    part("shares").addEventListener("click", ({ target }) => this.#choose(target.closest("button")));
    part("traffic-undo").addEventListener("click", () => this.#undo());
    part("challenge").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add(part("challenger").value);
    });
  }

  // Whether a look is as new as what is shown: one on its way, or at another server, may not know of a choice.
  isNews(view) {
    if (this.#isBusy) return false;
    return performance.now() - this.#chosenAt > SETTLING || isSame(weightsOf(view), weightsOf(this.#view));
  }

  show(view) {
    this.#view = view;
    const weights = weightsOf(view);
    this.#showBar(weights);
    this.#showShares(weights);
    this.#showOffer(weights);
    part("traffic-note").textContent = SOURCES[view.source] ?? "";
  }

  // What was said of an earlier change says nothing to whoever comes back.
  forget() {
    this.#before = null;
    part("traffic-said").hidden = true;
    part("traffic-problem").hidden = true;
  }

  #showBar(weights) {
    const pieces = Object.entries(weights).filter(([, weight]) => weight > 0).map(([name, weight]) => {
      const piece = make("span", `is-${roleOf(name, this.#view)}`);
      piece.style.flexGrow = weight;
      return piece;
    });
    part("traffic-bar").replaceChildren(...pieces);
  }

  // Buttons stay the same elements while the arms do: the focus is on one of them.
  #showShares(weights) {
    const list = part("shares");
    const kept = new Map([...list.children].map((item) => [item.dataset.key, item]));
    const names = Object.keys(weights);
    const items = names.map((name) => {
      const canRamp = names.length > 1 && name !== this.#view.champion;
      const key = `${name} ${this.titleOf(name)} ${canRamp}`;
      const item = kept.get(key) ?? this.#newItem(name, canRamp);
      item.dataset.key = key;
      item.querySelector(".share-weight").textContent = percent(weights[name]);
      for (const button of item.querySelectorAll("[data-share]")) {
        button.setAttribute("aria-pressed", String(Math.abs(Number(button.dataset.share) - weights[name]) < 1e-6));
      }
      return item;
    });
    const isKept = items.length === list.children.length && items.every((item, i) => item === list.children[i]);
    if (!isKept) list.replaceChildren(...items);
  }

  #newItem(name, canRamp) {
    const role = roleOf(name, this.#view);
    const item = make("li", `share is-${role}`);
    item.dataset.arm = name;
    const heading = make("p", "share-name");
    heading.append(make("strong", "", this.titleOf(name)), " ", make("span", "small", role));
    item.append(heading, make("span", "share-weight"));
    if (canRamp) item.append(this.#ramp(name));
    return item;
  }

  #ramp(name) {
    const group = make("div", "ramp");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `Share of ${this.titleOf(name)}`);
    const steps = RAMP.map((step) => {
      const button = make("button", "step", percent(step));
      button.dataset.share = step;
      return button;
    });
    const remove = make("button", "link", "Remove");
    remove.setAttribute("aria-label", `Remove ${this.titleOf(name)}`);
    group.append(...steps, remove);
    return group;
  }

  #showOffer(weights) {
    const others = this.models().filter(({ name }) => !(name in weights));
    const options = [...part("challenger").options].map(({ value }) => value);
    if (others.map(({ name }) => name).join() !== options.join()) {
      part("challenger").replaceChildren(...others.map(({ name }) => new Option(this.titleOf(name), name)));
    }
    part("challenge").hidden = !others.length;
  }

  #choose(button) {
    const name = button?.closest("li").dataset.arm;
    if (!name || button.getAttribute("aria-pressed") === "true") return;
    if (button.dataset.share) this.#give(name, Number(button.dataset.share));
    else this.#remove(name);
  }

  #give(name, share) {
    const weights = withShare(weightsOf(this.#view), name, share, this.#view.champion);
    return this.#apply(weights, `${this.titleOf(name)} now gets ${percent(share)}.`);
  }

  async #add(name) {
    await this.#give(name, START);
    if (part("challenge").hidden) part("shares").querySelector("[aria-pressed=true]")?.focus(); // the form is gone
  }

  async #remove(name) {
    await this.#apply(without(weightsOf(this.#view), name, this.#view.champion), `${this.titleOf(name)} gets no more traffic.`);
    if (!part("traffic-said").hidden) part("traffic-undo").focus(); // the button is gone
  }

  #undo() {
    return this.#apply(this.#before, "The shares did not change.");
  }

  async #apply(weights, words) {
    if (this.#isBusy) return;
    const before = weightsOf(this.#view);
    this.#hold(true);
    this.#showBar(weights);
    part("traffic-problem").hidden = true;
    try {
      const view = await putArms(weights);
      this.#before = before;
      this.#chosenAt = performance.now();
      this.onView(view);
      this.#say(words, view.verdict);
    } catch (problem) {
      this.#fail(asProblem(problem));
    } finally {
      this.#hold(false);
    }
  }

  #hold(isBusy) {
    this.#isBusy = isBusy;
    part("traffic").setAttribute("aria-busy", String(isBusy));
  }

  #say(words, verdict) {
    part("traffic-said").hidden = false;
    part("traffic-said").querySelector("span").textContent = `${words} Other servers follow within 30 s.`;
    part("experiment-announcement").textContent = `${words} ${verdict}`;
  }

  #fail({ message, code }) {
    this.show(this.#view);
    part("traffic-said").hidden = true;
    part("traffic-problem").hidden = false;
    part("traffic-problem").querySelector("p").textContent = `Nothing was changed. ${message}`;
    part("traffic-problem").querySelector("code").textContent = code;
    part("experiment-announcement").textContent = message;
  }
}
