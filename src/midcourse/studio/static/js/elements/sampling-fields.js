// @ts-check
/** How the model writes: sampling settings and seed, as fields with bounds and one line that sums them up. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

/** @import {SamplingView} from "../types.d.ts" */
/** Guidance is beside the dials. */
/** @typedef {{name: Exclude<keyof SamplingView, "guidance">, title: string, help: string, least: number, most: number, step: number | "any", whole?: boolean}} Field */

/** @type {SamplingView} */
export const SAMPLING = { temperature: 0, top_k: 0, top_p: 1, min_p: 0, seed: 0, max_tokens: 512, guidance: 1 };

/** @type {Field[]} */
const FIELDS = [
  { name: "temperature", title: "Temperature", help: "0 always takes the likeliest token", least: 0, most: 100, step: 0.1 },
  { name: "top_p", title: "Top p", help: "Only the likeliest that make up this share; 1 is all", least: 0.01, most: 1, step: 0.01 },
  { name: "top_k", title: "Top k", help: "Only so many of the likeliest; 0 is all", least: 0, most: 1_000_000, step: 1, whole: true },
  { name: "min_p", title: "Min p", help: "Only those at least this share of the likeliest", least: 0, most: 1, step: 0.01 },
  { name: "seed", title: "Seed", help: "The same seed writes the same", least: 0, most: 2 ** 53 - 1, step: 1, whole: true },
  { name: "max_tokens", title: "Tokens at a time", help: "Then it waits for you", least: 1, most: 1_000_000, step: 1, whole: true },
];

/** What some engines do not have. @type {Field["name"][]} */
const FILTERS = ["top_k", "min_p"];

export class SamplingFields extends Piece {
  connected() {
    if (!this.childElementCount) this.append(h("div", { class: "sampling" }, FIELDS.map((field) => this.#field(field))));
    this.watch(({ models }) => Boolean(models?.lacks.filters), (lacks) => {
      for (const name of FILTERS) this.#input(name).closest(".field")?.toggleAttribute("hidden", lacks);
    });
  }

  /** @returns {SamplingView} what is not a number is as it is by itself */
  get value() {
    const pairs = FIELDS.map(({ name }) => {
      const value = this.#input(name).valueAsNumber;
      return [name, Number.isNaN(value) ? SAMPLING[name] : value];
    });
    return { ...SAMPLING, ...Object.fromEntries(pairs) };
  }

  set value(given) {
    for (const { name } of FIELDS) this.#input(name).value = String(given[name]);
    this.check();
  }

  /** In one line, what is not as it is by itself: `temperature 0.8, seed 7`. */
  get summary() {
    const now = this.value;
    const [first, ...rest] = FIELDS;
    const likeliest = now.temperature === 0;
    const others = rest.filter(({ name }) => now[name] !== SAMPLING[name] && (!likeliest || name === "max_tokens"));
    return [likeliest ? "the likeliest token each time" : `${first.title.toLowerCase()} ${now.temperature}`, ...others.map(({ name, title }) => `${title.toLowerCase()} ${now[name]}`)].join(", ");
  }

  /** Whether all can be used; says at each field why not, and goes to the first. */
  check() {
    /** @type {HTMLInputElement | undefined} */
    let wrong;
    for (const { name, least, most, whole } of FIELDS) {
      const input = this.#input(name);
      const value = input.valueAsNumber;
      const fine = value >= least && value <= most && (!whole || Number.isInteger(value));
      const fault = this.find(`#sampling-${name}-fault`);
      fault.textContent = fine ? "" : `${whole ? "A whole number" : "A number"} from ${least} to ${most.toLocaleString("en")}`;
      input.setAttribute("aria-invalid", String(!fine));
      if (!fine) wrong ??= input;
    }
    const folded = this.closest("details");
    if (wrong && folded) folded.open = true;
    wrong?.focus();
    return !wrong;
  }

  /** @param {Field["name"]} name @returns {HTMLInputElement} */
  #input(name) {
    return this.find(`#sampling-${name}`);
  }

  /** @param {Field} field */
  #field({ name, title, help, least, step }) {
    const id = `sampling-${name}`;
    const described = `${id}-help ${id}-fault`;
    const input = h("input", { id, class: "input numbers", type: "number", inputmode: step === 1 ? "numeric" : "decimal", min: least, step: "any", "aria-describedby": described });
    input.value = String(SAMPLING[name]);
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, title),
      input,
      h("p", { class: "fault", id: `${id}-fault` }),
      h("p", { class: "help", id: `${id}-help` }, help),
    );
  }
}

customElements.define("mc-sampling-fields", SamplingFields);
