// @ts-check
/**
 * What can be done with several steers at once. Hidden while none is chosen; tells how far a change has come, and can be
 * stopped. `change` is called for each steer that the server has changed; `clear` is dispatched to choose none.
 */

import * as api from "../api.js";
import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { loadFacets, notify } from "../effects.js";
import { Piece } from "../element.js";
import { changeOf, progressOf } from "../steers.js";
import { several } from "../several.js";
import { many, tags } from "../words.js";
import { KNOWN_TAGS } from "./steer-editor.js";

/** @import * as T from "../types.d.ts" */
/** @typedef {Parameters<typeof changeOf>[1]} Wish */

export class SteerSelection extends Piece {
  /** @type {(steer: T.SteerRowView, change: T.SteerChange) => void} */
  change = () => {};
  /** @type {T.SteerRowView[]} */
  #steers = [];
  /** @type {AbortController | null} */
  #running = null;

  connected() {
    const button = (/** @type {string} */ text, /** @type {() => void} */ run) => h("button", { type: "button", class: "button", onclick: run }, text);
    const form = h(
      "form",
      { class: "together" },
      h("input", { class: "input", name: "value", "aria-label": "Tags, reason, attributes or weight for all", placeholder: "Tags, reason, attributes or weight", list: KNOWN_TAGS, autocomplete: "off" }),
      button("Add tags", () => this.#typed((value) => ({ add: tags(value) }))),
      button("Remove tags", () => this.#typed((value) => ({ remove: tags(value) }))),
      button("Set reason", () => this.#typed((value) => ({ change: { reason: value.trim() } }), true)),
      button("Set what they serve", () => this.#typed((value) => ({ change: { serves: tags(value) } }), true)),
      button("Set weight", () => this.#weigh()),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    this.hidden = !this.#steers.length;
    this.role = "region";
    this.ariaLabel = "Several steers";
    this.replaceChildren(
      h("strong", { class: "numbers", role: "status" }),
      h("div", { class: "buttons" },
        button("Set aside", () => void this.#run({ change: { aside: true } }, "Set aside")),
        button("Take back in", () => void this.#run({ change: { aside: false } }, "Take back in")),
      ),
      form,
      h("button", { type: "button", class: "button plain only-icon clear", "aria-label": "Choose none", onclick: () => this.#close() }, icon("close")),
    );
  }

  /** @param {T.SteerRowView[]} steers that are chosen */
  show(steers) {
    this.#steers = steers;
    if (!this.firstChild) return;
    this.hidden = !steers.length && !this.#running;
    if (!this.#running) this.find("strong").textContent = steers.length ? `${many(steers.length, "steer")} chosen` : "";
  }

  #close() {
    if (this.#running) this.#running.abort();
    else this.dispatchEvent(new CustomEvent("clear"));
  }

  /**
   * @param {(value: string) => Wish} wish
   * @param {boolean} [empty] whether nothing is a value, too
   */
  #typed(wish, empty = false) {
    const field = /** @type {HTMLInputElement} */ (this.find("[name=value]"));
    if (!field.value.trim() && !empty) return field.focus();
    void this.#run(wish(field.value), "Change");
  }

  #weigh() {
    const field = /** @type {HTMLInputElement} */ (this.find("[name=value]"));
    const weight = Number(field.value.trim().replace(",", "."));
    field.setCustomValidity(field.value.trim() && weight >= 0 && weight <= 1000 ? "" : "A number from 0 to 1000; 1 is usual, 0 trains nothing.");
    if (!field.reportValidity()) return field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
    void this.#run({ change: { weight } }, "Set weight");
  }

  /** @param {Wish} wish @param {string} verb */
  async #run(wish, verb) {
    if (this.#running) return;
    const running = (this.#running = new AbortController());
    const status = this.find("strong");
    this.classList.add("running");
    this.find("button.clear").ariaLabel = "Stop";
    const steers = this.#steers.filter((steer) => changeOf(steer, wish) !== null);
    const one = async (/** @type {T.SteerRowView} */ steer) => {
      const change = /** @type {T.SteerChange} */ (changeOf(steer, wish));
      await api.changeSteer(steer.trace, steer.number, change);
      this.change(steer, change);
    };
    const { done, failed, left } = await several(steers, one, {
      signal: running.signal,
      progress: (progress) => (status.textContent = progressOf(progress)),
    });
    this.#running = null;
    this.classList.remove("running");
    this.find("button.clear").ariaLabel = "Choose none";
    const said = progressOf({ done: done.length, failed: failed.length, all: done.length + failed.length });
    announce(said);
    if (failed.length) {
      const [{ error }] = failed;
      notify("error", `“${verb}” was done for ${many(done.length, "steer")}, and not for ${failed.length}. ${error instanceof Error ? error.message : error}`);
    } else notify("done", steers.length ? `${said}.${left.length ? ` ${left.length} were left as they are.` : ""}` : "They are so already.");
    if (wish.add || wish.remove || wish.change?.serves) void loadFacets();
    this.dispatchEvent(new CustomEvent("clear"));
  }
}

customElements.define("mc-steer-selection", SteerSelection);
