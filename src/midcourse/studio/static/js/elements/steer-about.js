// @ts-check
/**
 * What is said about a steer: reason, tags, weight, and which attributes it serves. Closed until one of them is wanted or there is something in it.
 *
 * Tells of changes by `change`, with what changed as its detail; shows what it is given.
 */

import { h } from "../dom.js";
import { tagList } from "../answer/tags.js";
import { named } from "../asked.js";
import { attributes, toggled } from "../serves.js";
import { store } from "../store.js";

/** @typedef {{reason: string, tags: string[], weight: number, serves: string[]}} About */
/** @typedef {"reason" | "tags" | "serves"} Part that a key leads to */

let made = 0;

export class SteerAbout extends HTMLElement {
  #id = `about-${++made}`;
  #reason = h("input", { class: "input", id: `${this.#id}-reason`, autocomplete: "off", placeholder: "Why, in a few words" });
  #tags = h("input", { class: "input", id: `${this.#id}-tags`, autocomplete: "off", placeholder: "tone, facts" });
  #weight = h("input", { class: "input numbers", id: `${this.#id}-weight`, type: "number", min: 0, max: 1000, step: "any" });

  #serves = h("div", { class: "chips" });
  #serving = h("fieldset", { class: "serves", hidden: true }, h("legend", {}, "Serves"), this.#serves);
  /** What it serves at present. @type {string[]} */
  #names = [];

  constructor() {
    super();
    const tell = (/** @type {Partial<About>} */ change) => this.dispatchEvent(new CustomEvent("change", { detail: change }));
    const stays = (/** @type {Event} */ event) => event.stopPropagation();
    this.#reason.addEventListener("input", () => tell({ reason: this.#reason.value }));
    this.#tags.addEventListener("input", () => tell({ tags: tagList(this.#tags.value) }));
    this.#weight.addEventListener("input", () => this.#weight.validity.valid && this.#weight.value && tell({ weight: Number(this.#weight.value) }));
    for (const input of [this.#reason, this.#tags, this.#weight]) input.addEventListener("change", stays);
  }

  connectedCallback() {
    if (this.firstChild) return;
    this.hidden = true;
    const part = (/** @type {string} */ name, /** @type {string} */ says, /** @type {HTMLElement} */ input) =>
      h("div", { class: `field ${name}` }, h("label", { for: `${this.#id}-${name}` }, says), input);
    this.append(part("reason", "Reason", this.#reason), part("tags", "Tags, with commas between", this.#tags), part("weight", "Weight", this.#weight), this.#serving);
  }

  /** @param {About} about */
  show({ reason, tags, weight, serves }) {
    if (this.#reason.value !== reason) this.#reason.value = reason;
    if (tagList(this.#tags.value).join() !== tags.join()) this.#tags.value = tags.join(", ");
    if (Number(this.#weight.value || "NaN") !== weight && document.activeElement !== this.#weight) this.#weight.value = String(weight);
    this.#offer(serves);
    if (reason || tags.length || weight !== 1) this.hidden = false;
  }

  /** A button for each attribute, pressed where it serves it. @param {string[]} serves */
  #offer(serves) {
    this.#names = serves;
    const all = attributes(store.state, serves);
    this.#serving.hidden = !all.length;
    if (all.join("\n") !== [...this.#serves.children].map((chip) => /** @type {HTMLElement} */ (chip).dataset.name).join("\n"))
      this.#serves.replaceChildren(...all.map((name) => h("button", { type: "button", class: "chip", dataset: { name }, onclick: () => this.#toggle(name) }, named(name))));
    for (const chip of this.#serves.children) chip.setAttribute("aria-pressed", String(serves.includes(/** @type {HTMLElement} */ (chip).dataset.name ?? "")));
  }

  /** @param {string} name */
  #toggle(name) {
    this.#offer(toggled(this.#names, name));
    this.dispatchEvent(new CustomEvent("change", { detail: { serves: this.#names } }));
  }

  /** Opens it there. @param {Part} part */
  focusOn(part) {
    this.hidden = false;
    if (part === "serves") /** @type {HTMLElement | null} */ (this.#serves.firstElementChild)?.focus();
    else (part === "reason" ? this.#reason : this.#tags).focus();
  }

  close() {
    this.hidden = true;
  }
}

customElements.define("mc-steer-about", SteerAbout);
