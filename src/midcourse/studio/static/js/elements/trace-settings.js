// @ts-check
/** The settings of this conversation: how the model writes in it, and its tags. Each change is kept when its field is left. */

import * as api from "../api.js";
import { tagList } from "../answer/tags.js";
import { STRONGEST } from "../asked.js";
import { h } from "../dom.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */
/** @typedef {keyof T.SamplingView} Name */

/** @type {{name: Name, says: string, help: string, min: number, max?: number, step: number | "any"}[]} */
const FIELDS = [
  { name: "temperature", says: "Temperature", help: "0 takes the likeliest token each time", min: 0, max: 100, step: "any" },
  { name: "seed", says: "Seed", help: "The same seed writes the same answer", min: 0, max: 2 ** 53 - 1, step: 1 },
  { name: "max_tokens", says: "Pause after", help: "tokens, then it waits for you", min: 1, max: 1_000_000, step: 1 },
  { name: "top_p", says: "Top p", help: "The fewest tokens that sum up to p", min: 0, max: 1, step: "any" },
  { name: "top_k", says: "Top k", help: "The k likeliest tokens; 0 for all", min: 0, max: 1_000_000, step: 1 },
  { name: "min_p", says: "Min p", help: "At least this share of the likeliest", min: 0, max: 1, step: "any" },
  { name: "guidance", says: "Guidance γ", help: "How far to go towards what is asked for; 1 is the model as it is", min: 0, max: STRONGEST, step: "any" },
];

class TraceSettings extends Piece {
  /** @type {Record<Name, HTMLInputElement>} */
  #inputs = /** @type {any} */ ({});
  #tags = h("input", { class: "input", id: "trace-tags", autocomplete: "off", placeholder: "letters, second try" });
  #form = h("form", { class: "settings" });

  constructor() {
    super();
    const part = (/** @type {string} */ id, /** @type {string} */ says, /** @type {HTMLElement} */ input, /** @type {string} */ help) =>
      h("div", { class: "field" }, h("label", { for: id }, says), input, h("span", { class: "help", id: `${id}-help` }, help));
    for (const { name, says, help, ...bounds } of FIELDS) {
      const id = `sampling-${name}`;
      this.#inputs[name] = h("input", { class: "input numbers", type: "number", id, required: true, "aria-describedby": `${id}-help`, ...bounds });
      this.#inputs[name].addEventListener("change", () => this.#sampling());
      this.#form.append(part(id, says, this.#inputs[name], help));
    }
    this.#tags.addEventListener("change", () => this.#change({ tags: tagList(this.#tags.value) }));
    this.#tags.setAttribute("aria-describedby", "trace-tags-help");
    this.#form.append(part("trace-tags", "Tags", this.#tags, "With commas between"));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
  }

  connected() {
    this.replaceChildren(this.#form);
    this.watch(
      ({ trace }) => JSON.stringify(trace && [trace.sampling, trace.tags, trace.attributes, trace.readonly]),
      () => this.#show(),
    );
  }

  #show() {
    const { trace } = store.state;
    if (!trace) return;
    for (const { name } of FIELDS) {
      const input = this.#inputs[name];
      if (document.activeElement !== input) input.value = String(trace.sampling[name]);
      input.disabled = Boolean(trace.readonly);
    }
    /** @type {HTMLElement} */ (this.#inputs.guidance.parentElement).hidden = !Object.keys(trace.attributes).length;
    if (document.activeElement !== this.#tags) this.#tags.value = trace.tags.join(", ");
  }

  #sampling() {
    const { trace } = store.state;
    if (!trace || !this.#form.reportValidity()) return;
    const given = FIELDS.map(({ name }) => [name, this.#inputs[name].valueAsNumber]);
    this.#change({ sampling: { ...trace.sampling, ...Object.fromEntries(given) } });
  }

  /** @param {T.TraceChange} change */
  #change(change) {
    const { trace } = store.state;
    if (trace) void command("Change the settings", () => api.changeTrace(trace.id, change));
  }
}

customElements.define("mc-trace-settings", TraceSettings);
