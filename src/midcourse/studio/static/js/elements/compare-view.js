// @ts-check
/**
 * The same prompts before and after: two states of the model answer side by side, token by token; and what measuring says.
 */

import * as api from "../api.js";
import { announce } from "../announce.js";
import { words } from "../asked.js";
import { STEPS } from "../change.js";
import { begun, broken, followed } from "../comparison.js";
import { h } from "../dom.js";
import { loadJobs } from "../effects.js";
import { Piece } from "../element.js";
import { address } from "../router.js";
import { store } from "../store.js";
import { many, number } from "../words.js";
import { BASE, CompareForm } from "./compare-form.js";
import { ComparedPrompt } from "./compared-prompt.js";
import { Measured } from "./measured.js";

/** @import * as T from "../types.d.ts" */

class CompareView extends Piece {
  #form = new CompareForm();
  #results = h("div", { class: "results" });
  /** @type {AbortController | null} */
  #running = null;
  #comparison = begun();
  #names = { left: BASE, right: BASE };
  #frame = 0;

  connected() {
    const none = h("div", { class: "empty" }, h("h2", {}, "Nothing to compare yet"), h("p", {}, "Train on some steers: then the model as it is and what became of it answer the same prompts here, side by side."), h("a", { class: "button primary", href: address("train") }, "Train"));
    this.replaceChildren(
      h("div", { class: "page compare" },
        h("header", {}, h("h1", {}, "Compare")), none, this.#form,
        h("section", { class: "found", hidden: true, "aria-label": "Answers" }, h("div", { class: "legend-line" }, legend(), h("p", { class: "muted small far", role: "status" })), this.#results),
        new Measured(),
      ),
    );
    this.listen(this.#form, "compare", ({ detail }) => void this.#compare(detail));
    this.listen(this.#form, "halt", () => this.#running?.abort());
    this.keys({ stop: () => (this.#running ? this.#running.abort() : false) });
    const lacking = h("div", { class: "empty", hidden: true }, h("h2", {}, "Not with this engine"), h("p", {}));
    none.before(lacking);
    this.watch(({ models }) => models, (models) => {
      const two = models && (models.adapters.length > 0 || models.own_dials !== null);
      const why = models?.lacks.compare ?? "";
      lacking.hidden = !why;
      /** @type {HTMLElement} */ (lacking.lastElementChild).textContent = `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
      none.hidden = two !== false || Boolean(why);
      this.#form.hidden = !two || Boolean(why);
    });
    this.signal.addEventListener("abort", () => this.#running?.abort());
  }

  shown() {
    if (!store.state.jobs) void loadJobs();
  }

  /** @param {T.NewComparison} wish */
  async #compare(wish) {
    if (this.#running) return;
    const mine = (this.#running = new AbortController());
    const all = (wish.prompts?.length ?? 0) + (wish.traces?.length ?? 0);
    this.#names = { left: name(wish.left, wish.left_asked), right: name(wish.right, wish.right_asked) };
    this.#comparison = begun();
    this.#results.replaceChildren();
    this.#form.running = true;
    this.find(".found").toggleAttribute("hidden", false);
    this.#say("Waiting for the model…");
    try {
      for await (const event of api.compare(wish, mine.signal)) {
        this.#comparison = followed(this.#comparison, event);
        this.#later();
        if (event.kind === "begin") this.#say(`Prompt ${event.prompt + 1} of ${all}`);
      }
      if (this.#comparison.state === "running") this.#comparison = broken(this.#comparison, "The server's answer ended too early.");
    } catch (error) {
      if (!mine.signal.aborted && !(error instanceof api.ApiError)) throw error;
      this.#comparison = broken(this.#comparison, mine.signal.aborted ? null : /** @type {Error} */ (error).message);
    } finally {
      this.#running = null;
      this.#form.running = false;
      this.#later();
    }
    this.#ended();
  }

  #ended() {
    const { state, error, prompts } = this.#comparison;
    this.#form.fault(state === "failed" ? error : null);
    if (state === "failed" && !prompts.length) this.find(".found").toggleAttribute("hidden", true);
    const said = { done: `${many(prompts.length, "prompt")} answered by both`, stopped: "Stopped", failed: "Broken off", running: "" }[state];
    this.#say(said);
    announce(`Compare: ${said}`);
  }

  /** @param {string} text */
  #say(text) {
    this.find(".far").textContent = text;
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const [at, compared] of this.#comparison.prompts.entries()) {
        if (!compared) continue;
        let place = /** @type {ComparedPrompt | undefined} */ (this.#results.children[at]);
        if (!place) {
          place = new ComparedPrompt();
          place.names = this.#names;
          this.#results.append(place);
        }
        place.show(compared);
      }
    });
  }
}

/** How a side is called: the state of the model, and what is asked of it. @param {string | null} state @param {T.Asked} [asked] */
function name(state, asked) {
  return [state ?? BASE, ...words(asked?.attributes ?? {}, asked?.guidance)].join(" · ");
}

/** What the marks mean. */
function legend() {
  const sample = (/** @type {string} */ direction, /** @type {number} */ step) => h("span", { class: `judged ${direction} step-${step}`, "aria-hidden": "true" }, "word");
  const factors = STEPS.map((nats) => number(Math.exp(nats), 2)).join(", ");
  return h("p", { class: "legend small" }, "In the other side’s eyes: ", sample("likelier", 1), sample("likelier", 2), sample("likelier", 3), " likelier (line above), ", sample("less", 1), sample("less", 2), sample("less", 3), ` less likely (line below), by ${factors} times and more.`);
}

customElements.define("mc-compare-view", CompareView);
