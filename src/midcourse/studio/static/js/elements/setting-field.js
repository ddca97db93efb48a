// @ts-check
/**
 * One setting of a training: label, field, help, what is wrong with it. Its kind decides the field. Dispatches `changed`;
 * `value` is what is chosen (the default where nothing is typed), undefined while what is typed is none.
 */

import { h } from "../dom.js";
import { Piece } from "../element.js";
import { named, read, written } from "../form.js";

/** @import * as T from "../types.d.ts" */

/** What is often minimised, to begin from. */
const OBJECTIVES = ["sft + accepted", "sft", "dpo + 0.5 sft", "dpo + sft + 0.3 accepted", "dpo + 0.5 sft + 0.1 anchor"];

export class SettingField extends Piece {
  /** @type {T.Setting | null} */
  setting = null;
  /** @type {string | null} what is wrong with what is typed */
  problem = null;

  connected() {
    const { setting } = this;
    if (!setting || this.firstChild) return;
    const id = `setting-${setting.name}`;
    const field = this.#field(setting, id);
    const help = h("span", { class: "help", id: `${id}-help` }, setting.help);
    const fault = h("span", { class: "fault", id: `${id}-fault`, hidden: true });
    const label = h("label", { for: id }, named(setting.name));
    const list = setting.name === "objective" ? h("datalist", { id: `${id}-list` }, OBJECTIVES.map((value) => h("option", { value }))) : null;
    this.classList.add("field");
    if (setting.type === "flag") this.replaceChildren(h("label", { class: "check" }, field, named(setting.name)), help, fault);
    else this.replaceChildren(label, field, ...(list ? [list] : []), help, fault);
    field.addEventListener("input", () => this.#changed());
  }

  /** @param {T.Setting} setting @param {string} id */
  #field(setting, id) {
    const given = { id, class: "input", "aria-describedby": `${id}-help ${id}-fault` };
    if (setting.type === "flag") return h("input", { ...given, class: "", type: "checkbox", checked: setting.default === true });
    if (setting.type === "choice") return h("select", given, setting.choices.map((value) => h("option", { value, selected: value === setting.default }, value)));
    const numeric = { number: "decimal", integer: "numeric" }[/** @type {string} */ (setting.type)];
    const list = setting.name === "objective" ? `${id}-list` : null;
    return h("input", { ...given, inputmode: numeric, list, placeholder: written(setting.default) || "none", value: written(setting.default), autocomplete: "off", spellcheck: "false" });
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.find("input, select"));
  }

  /** What is chosen. */
  get value() {
    if (!this.setting) return undefined;
    const input = this.#input;
    const found = read(this.setting, input.type === "checkbox" ? input.checked : input.value);
    this.problem = found.problem;
    return found.value;
  }

  #changed() {
    void this.value;
    this.fault(this.problem);
    this.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
  }

  /**
   * Says what is wrong, or that nothing is.
   * @param {string | null} text
   */
  fault(text) {
    const place = /** @type {HTMLElement} */ (this.find(".fault"));
    place.textContent = text;
    place.hidden = !text;
    this.#input.ariaInvalid = text ? "true" : null;
  }

  /** Back to how it would be anyway. */
  reset() {
    if (!this.setting) return;
    const input = this.#input;
    if (input.type === "checkbox") input.checked = this.setting.default === true;
    else input.value = written(this.setting.default);
    this.fault(null);
  }
}

customElements.define("mc-setting", SettingField);
