// @ts-check
/**
 * Sliders for what can be asked of an answer, each of which can be left as it likes; and one for how far to go towards all.
 *
 * A slider that asks for nothing stands in the middle, hollow; the first touch or arrow key sets it, Delete or "Any" takes that
 * back. `value` is the truth, also where it lies between the slider's steps. Dispatches `input` when a person has changed it.
 */

import { NOTHING, best, fitting, named, placed, same, words, written } from "../asked.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */
/** @import {Asked} from "../asked.js" */
/** @typedef {{dial: T.DialView, row: HTMLElement, range: HTMLInputElement, now: HTMLElement, any: HTMLButtonElement}} Row */

const FAR = 3; // how far guidance goes; beyond, answers repeat themselves
/** Keys that move a slider, and mean something else elsewhere on the page. */
const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);
const GUIDANCE = { low: "as if nothing were asked", high: "insists" };
let made = 0;

export class Dials extends Piece {
  #id = `dials-${++made}`;
  /** @type {T.DialsView | null} */
  #dials = null;
  /** @type {Asked} */
  #value = NOTHING;
  /** @type {Row[]} */
  #rows = [];
  #range = h("input", { type: "range", id: `${this.#id}-guidance`, min: 0, step: 0.25 });
  #strength = h("output", { class: "numbers", for: this.#range.id });
  #clear = h("button", { type: "button", class: "link small", onclick: () => this.#take(NOTHING) }, "Ask for nothing");
  #best = h("button", { type: "button", class: "link small", onclick: () => this.#take({ ...this.#value, attributes: this.#dials ? best(this.#dials) : {} }) }, "The best of each");
  /** Whether there is a slider for guidance. */
  guides = true;

  constructor() {
    super();
    this.#range.addEventListener("input", () => this.#guide());
    this.#range.setAttribute("aria-describedby", `${this.#id}-guidance-help`);
    this.addEventListener("keydown", (event) => event.target instanceof HTMLInputElement && MOVES.has(event.key) && event.stopPropagation());
  }

  connected() {
    this.#build();
  }

  get dials() {
    return this.#dials;
  }

  /** What can be asked for; what was asked for and fits stays. */
  set dials(dials) {
    if (JSON.stringify(dials) === JSON.stringify(this.#dials)) return;
    this.#dials = dials;
    this.#build();
  }

  /** @returns {Asked} */
  get value() {
    return this.#value;
  }

  set value(asked) {
    this.#value = asked;
    this.#show();
  }

  /** What of it these dials can ask for. */
  get fitting() {
    return fitting(this.#value, this.#dials);
  }

  /** In one line. */
  get summary() {
    const { attributes, guidance } = this.fitting;
    return words(attributes, guidance).join(", ");
  }

  /** Puts the keyboard on the first slider. */
  focus() {
    this.#rows[0]?.range.focus();
  }

  #build() {
    if (!this.isConnected) return;
    this.#rows = (this.#dials?.dials ?? []).map((dial, place) => this.#row(dial, `${this.#id}-${place}`));
    const guidance = h("div", { class: "dial guidance" },
      h("div", { class: "caption" }, h("label", { for: this.#range.id }, "Guidance γ"), this.#strength),
      this.#range,
      h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, GUIDANCE.low), h("span", {}, GUIDANCE.high)),
      h("p", { class: "unseen", id: `${this.#id}-guidance-help` }, "How far to go towards what is asked for. 1 is the model as it is; anything else takes twice as long."),
    );
    this.#best.hidden = !this.#dials || !Object.keys(best(this.#dials)).length;
    this.replaceChildren(h("div", { class: "dials" }, this.#rows.map(({ row }) => row), this.guides && !store.state.models?.lacks.guides && guidance), h("div", { class: "doings" }, this.#best, this.#clear));
    this.#show();
  }

  /** @param {T.DialView} dial @param {string} id @returns {Row} */
  #row(dial, id) {
    const { name, minimum, maximum, step, low, high, description } = dial;
    const range = h("input", { type: "range", id, min: minimum, max: maximum, step, "aria-describedby": `${id}-help` });
    const now = h("output", { class: "numbers", for: id });
    const any = h("button", { type: "button", class: "link small", "aria-label": `${named(name)}: any`, onclick: () => this.#set(dial, undefined, true) }, "Any");
    range.addEventListener("input", () => this.#set(dial, range.valueAsNumber));
    // A press where the hollow slider stands changes nothing that the browser tells of.
    range.addEventListener("pointerup", () => this.#value.attributes[name] === undefined && this.#set(dial, range.valueAsNumber));
    range.addEventListener("keydown", (event) => this.#key(event, dial, range));
    const row = h("div", { class: "dial", title: description },
      h("div", { class: "caption" }, h("label", { for: id }, named(name)), now, any),
      range,
      h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, low), h("span", {}, high)),
      h("p", { class: "unseen", id: `${id}-help` }, `${description} ${written(minimum)} is ${low || "the least"}, ${written(maximum)} ${high || "the most"}. Delete asks for nothing.`),
    );
    row.style.setProperty("--steps", String(Math.min(Math.round((maximum - minimum) / step), 40)));
    return { dial, row, range, now, any };
  }

  /** @param {KeyboardEvent} event @param {T.DialView} dial @param {HTMLInputElement} range */
  #key(event, dial, range) {
    const unset = this.#value.attributes[dial.name] === undefined;
    if (event.key === "Delete" || event.key === "Backspace") this.#set(dial, undefined);
    else if (event.key === " " && unset) this.#set(dial, range.valueAsNumber);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {T.DialView} dial @param {number | undefined} value @param {boolean} [back] the keyboard goes back to the slider */
  #set({ name }, value, back = false) {
    const all = { ...this.#value.attributes, [name]: value };
    const order = [...new Set([...(this.#dials?.dials ?? []).map((dial) => dial.name), ...Object.keys(all)])];
    const given = order.filter((one) => all[one] !== undefined).map((one) => [one, all[one]]);
    this.#take({ ...this.#value, attributes: Object.fromEntries(given) });
    if (back) this.#rows.find(({ dial }) => dial.name === name)?.range.focus();
  }

  #guide() {
    this.#take({ ...this.#value, guidance: this.#range.valueAsNumber });
  }

  /** @param {Asked} asked */
  #take(asked) {
    if (same(asked, this.#value) && asked.guidance === this.#value.guidance) return this.#show();
    this.value = asked;
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #show() {
    const { attributes, guidance } = this.#value;
    for (const { dial, row, range, now, any } of this.#rows) {
      const value = attributes[dial.name];
      row.classList.toggle("set", value !== undefined);
      range.valueAsNumber = value ?? (dial.minimum + dial.maximum) / 2;
      fill(range);
      range.setAttribute("aria-valuetext", placed(dial, value));
      now.textContent = value === undefined ? "any" : written(value);
      any.hidden = value === undefined;
    }
    const nothing = !Object.keys(this.fitting.attributes).length;
    this.#range.max = String(Math.max(FAR, guidance));
    this.#range.valueAsNumber = guidance;
    this.#range.disabled = nothing;
    fill(this.#range);
    this.#range.setAttribute("aria-valuetext", guidance === 1 ? "1, the model as it is" : written(guidance));
    this.#range.parentElement?.classList.toggle("set", !nothing && guidance !== 1);
    this.#strength.textContent = written(guidance);
    this.#clear.hidden = same(this.#value, NOTHING);
  }
}

/** How far a slider is, for its track. @param {HTMLInputElement} range */
function fill(range) {
  const [low, high] = [Number(range.min), Number(range.max)];
  range.style.setProperty("--at", String(((range.valueAsNumber - low) / (high - low)).toFixed(4)));
}

customElements.define("mc-dials", Dials);
