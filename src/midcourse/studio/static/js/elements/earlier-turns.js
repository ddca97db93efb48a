// @ts-check
/** Earlier turns of a new conversation, as fields: who says what, added and taken away in pairs or one by one. */

import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";

/** @import {MessageView} from "../types.d.ts" */

export class EarlierTurns extends Piece {
  connected() {
    if (this.childElementCount) return;
    this.append(h("ol", { class: "turns", "aria-label": "Earlier turns" }));
  }

  /** @returns {MessageView[]} */
  get value() {
    return [...this.querySelectorAll("li")].map((item) => ({
      role: item.dataset.role === "assistant" ? "assistant" : "user",
      content: item.querySelector("textarea")?.value ?? "",
    }));
  }

  set value(turns) {
    this.find("ol").replaceChildren(...turns.map((turn) => this.#item(turn)));
  }

  /** A turn more, of whom it is to speak. */
  add() {
    const last = this.value.at(-1)?.role;
    const item = this.#item({ role: last === "user" ? "assistant" : "user", content: "" });
    this.find("ol").append(item);
    item.querySelector("textarea")?.focus();
    this.#changed();
  }

  /** @param {MessageView} turn */
  #item({ role, content }) {
    const who = h("button", { type: "button", class: "chip", onclick: () => name(item.dataset.role === "user" ? "assistant" : "user") });
    const text = h("textarea", { class: "input", rows: 1 });
    const away = h("button", { type: "button", class: "button plain only-icon", "aria-label": "Take this turn away", onclick: () => this.#remove(item) }, icon("close"));
    const item = h("li", {}, who, text, away);
    const name = (/** @type {string} */ now) => {
      const said = now === "user" ? "You" : "Model";
      const other = now === "user" ? "the model" : "you";
      const changes = item.dataset.role !== undefined;
      item.dataset.role = now;
      who.textContent = said;
      who.setAttribute("aria-label", `${said}: let ${other} say this`);
      text.setAttribute("aria-label", `${said} said`);
      if (changes) this.#changed();
    };
    text.value = content;
    name(role);
    return item;
  }

  /** @param {HTMLElement} item */
  #remove(item) {
    const next = /** @type {HTMLElement | null} */ (item.nextElementSibling?.querySelector("textarea") ?? document.getElementById("new-prompt"));
    item.remove();
    next?.focus();
    announce("Turn taken away");
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("mc-earlier-turns", EarlierTurns);
