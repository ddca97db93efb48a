// @ts-check
/**
 * Conversations to choose from: the newest, or those in which a text is found. `picked` holds the ids of those chosen, also
 * while another search is shown; `picked` is dispatched when it changes.
 */

import * as api from "../api.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { Later } from "../later.js";
import { many } from "../words.js";

/** @import * as T from "../types.d.ts" */

const SHOWN = 50;

export class TracePicker extends Piece {
  /** @type {Set<string>} */
  picked = new Set();
  #asking = new Later((/** @type {string} */ text, signal) => api.traces({ text, limit: SHOWN }, { signal }), {
    reply: ({ rows }) => this.#show(rows),
    fail: (error) => (this.find("[role=status]").textContent = error instanceof Error ? error.message : String(error)),
  });

  connected() {
    if (this.firstChild) return;
    const search = h("input", { class: "input", type: "search", placeholder: "Search conversations", "aria-label": "Search conversations", autocomplete: "off" });
    search.addEventListener("input", () => this.#asking.put(search.value.trim()));
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    this.replaceChildren(search, h("p", { class: "small muted", role: "status" }), h("ul", { class: "choices-list" }));
    this.signal.addEventListener("abort", () => this.#asking.drop());
  }

  /** It has come into sight. */
  open() {
    const search = /** @type {HTMLInputElement} */ (this.find("input"));
    void this.#asking.now(search.value.trim());
    search.focus();
  }

  /** @param {T.TraceRowView[]} rows */
  #show(rows) {
    this.find("[role=status]").textContent = rows.length ? `${many(rows.length, "conversation")}${rows.length === SHOWN ? ", the newest" : ""}` : "No conversation is like that.";
    this.find("ul").replaceChildren(
      ...rows.map(({ id, title, steers }) => {
        const box = h("input", { type: "checkbox", checked: this.picked.has(id) });
        box.addEventListener("change", () => {
          if (box.checked) this.picked.add(id);
          else this.picked.delete(id);
          this.dispatchEvent(new CustomEvent("picked"));
        });
        return h("li", {}, h("label", { class: "check" }, box, h("span", { class: "cut" }, title), h("span", { class: "muted small numbers" }, many(steers, "steer"))));
      }),
    );
  }
}

customElements.define("mc-trace-picker", TracePicker);
