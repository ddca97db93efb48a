// @ts-check
/** What else could stand there: up to ten tokens with their probabilities, each taken by its digit, a click, or Enter. */

import { offered } from "../answer/draft.js";
import { h } from "../dom.js";

/** @import * as T from "../types.d.ts" */

/** Tells by `take`, with the id of a token as its detail. */
export class AlternativesList extends HTMLElement {
  /** @type {T.AlternativeView[] | null} */
  #shown = null;
  /** What the buttons were made for. @type {T.AlternativeView[] | null | undefined} */
  #made = undefined;

  connectedCallback() {
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "What could stand here");
    this.addEventListener("keydown", this.#walk);
  }

  disconnectedCallback() {
    this.removeEventListener("keydown", this.#walk);
  }

  /**
   * @param {T.AlternativeView[] | null} alternatives null while they are not known
   * @param {boolean} digits whether digits take them now
   * @param {number | null} [present] the token that stands there
   */
  show(alternatives, digits, present = null) {
    this.#shown = alternatives;
    this.classList.toggle("digits", digits);
    if (this.#made === alternatives) return;
    this.#made = alternatives;
    if (alternatives) this.replaceChildren(...alternatives.map((one, number) => this.#button(one, number, one.id === present)));
    else this.replaceChildren(...Array.from({ length: 10 }, () => h("span", { class: "alternative waiting" })));
  }

  /** @param {number} number from 0 @returns {boolean} whether there is one */
  take(number) {
    const found = this.#shown?.[number];
    if (found) this.dispatchEvent(new CustomEvent("take", { detail: found.id }));
    return true; // a digit is not typed by mistake, when there is none
  }

  focusFirst() {
    this.querySelector("button")?.focus();
  }

  /** @param {T.AlternativeView} alternative @param {number} number @param {boolean} present */
  #button(alternative, number, present) {
    const { text, share, percent } = offered(alternative);
    const bar = h("span", { class: "bar" });
    bar.style.setProperty("--share", share.toFixed(4));
    return h(
      "button",
      {
        type: "button",
        class: ["alternative", present && "present"],
        tabindex: number === 0 ? 0 : -1,
        disabled: present,
        title: present ? "This stands there" : `Keep as steer: “${text}” here`,
        onclick: () => this.take(number),
      },
      h("span", { class: "digit", "aria-hidden": "true" }, (number + 1) % 10),
      h("span", { class: "token" }, text),
      h("span", { class: "percent numbers" }, percent),
      bar,
    );
  }

  #walk = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    const buttons = [...this.querySelectorAll("button:not(:disabled)")];
    const to = buttons.indexOf(/** @type {Element} */ (document.activeElement)) + by;
    const next = buttons[to];
    if (next instanceof HTMLElement) next.focus();
    else if (to < 0) this.dispatchEvent(new CustomEvent("leave", { bubbles: true }));
    event.preventDefault();
  };
}

customElements.define("mc-alternatives", AlternativesList);
