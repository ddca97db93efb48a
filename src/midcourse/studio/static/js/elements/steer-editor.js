// @ts-check
/**
 * A field in a cell: a steer's reason, tags, weight, or which attributes it serves. Enter or leaving it keeps what was typed, Esc does not.
 *
 * What was typed stays until the server has it: while `keep` runs the field waits, and if it fails the field is there as
 * before, with what went wrong. `done` is dispatched once it is over; `detail.kept` says how.
 */

import { h } from "../dom.js";
import { Piece } from "../element.js";
import { tags } from "../words.js";

/** @import * as T from "../types.d.ts" */
/** @typedef {"reason" | "tags" | "serves" | "weight"} Part of a steer that can be edited in its cell */

const LABELS = { reason: "Reason", tags: "Tags, separated by commas", serves: "Attributes that it serves, separated by commas", weight: "Weight, 1 is usual, 0 trains nothing" };
/** Datalists with the tags that are used already, and with attributes; the review view has them. */
export const KNOWN_TAGS = "known-tags";
export const KNOWN_ATTRIBUTES = "known-attributes";

export class SteerEditor extends Piece {
  /** @type {Part} */
  what = "reason";
  /** @type {T.SteerRowView | null} */
  steer = null;
  /** @type {(change: T.SteerChange) => Promise<boolean>} whether it is kept */
  keep = async () => true;
  #busy = false;
  #over = false;

  connected() {
    if (!this.steer || this.firstChild) return;
    const field = /** @type {HTMLInputElement} */ (this.#field(this.steer));
    this.replaceChildren(field, h("span", { class: "fault", role: "alert" }));
    field.addEventListener("keydown", (event) => this.#pressed(event));
    field.addEventListener("blur", () => void this.finish());
    field.addEventListener("input", () => this.#fault(""));
    field.focus();
    field.select();
  }

  /** @param {T.SteerRowView} steer */
  #field(steer) {
    const given = { class: "input", "aria-label": LABELS[this.what] };
    if (this.what === "reason") {
      const area = h("textarea", { ...given, rows: "2", maxlength: "10000" });
      area.value = steer.reason ?? "";
      return area;
    }
    if (this.what === "tags") return h("input", { ...given, list: KNOWN_TAGS, value: steer.tags.join(", "), autocomplete: "off" });
    if (this.what === "serves") return h("input", { ...given, list: KNOWN_ATTRIBUTES, value: steer.serves.join(", "), autocomplete: "off" });
    return h("input", { ...given, inputmode: "decimal", value: String(steer.weight), autocomplete: "off" });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.#close(false);
    else if (event.key === "Enter" && !event.shiftKey) void this.finish();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keeps what was typed, if it is another thing than before. */
  async finish() {
    if (this.#busy || this.#over || !this.steer) return;
    const field = /** @type {HTMLInputElement} */ (this.firstElementChild);
    const change = this.#change(field.value, this.steer);
    if (typeof change === "string") return this.#fault(change);
    if (change === null) return this.#close(true);
    this.#busy = true;
    field.ariaBusy = "true";
    field.readOnly = true;
    const kept = await this.keep(change);
    this.#busy = false;
    field.ariaBusy = "false";
    field.readOnly = false;
    if (kept) this.#close(true);
    else this.#fault("Not kept. Enter tries again, Esc gives it up.");
  }

  /**
   * @param {string} text
   * @param {T.SteerRowView} steer
   * @returns {T.SteerChange | string | null} what to change, what is wrong, or null if nothing changes
   */
  #change(text, steer) {
    if (this.what === "reason") return text.trim() === (steer.reason ?? "") ? null : { reason: text.trim() };
    if (this.what === "tags" || this.what === "serves") {
      const found = tags(text);
      return found.join("\n") === steer[this.what].join("\n") ? null : { [this.what]: found };
    }
    const weight = Number(text.trim().replace(",", ".") || "1");
    if (!(weight >= 0 && weight <= 1000)) return "A number from 0 to 1000.";
    return weight === steer.weight ? null : { weight };
  }

  /** @param {string} text */
  #fault(text) {
    const [field, fault] = this.children;
    fault.textContent = text;
    field.ariaInvalid = String(text !== "");
  }

  /** @param {boolean} kept */
  #close(kept) {
    if (this.#over) return;
    this.#over = true;
    this.dispatchEvent(new CustomEvent("done", { detail: { kept } }));
  }
}

customElements.define("mc-steer-editor", SteerEditor);
