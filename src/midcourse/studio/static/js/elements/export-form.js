// @ts-check
/**
 * Answers and steers as a file to take away: all of them, or those that meet what is chosen. The file goes through memory, so
 * that what goes wrong on the way is said here and no half file is left.
 */

import * as api from "../api.js";
import { h, icon } from "../dom.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { announce } from "../announce.js";
import { size } from "../words.js";

/** @import * as T from "../types.d.ts" */

/** What can be chosen by what there is: the parameter, its label, and the part of the facets. */
const CHOICES = /** @type {const} */ ([
  ["tag", "Conversations tagged", "trace_tags"],
  ["attribute", "With attribute", "attributes"],
  ["model", "Written with", "models"],
  ["steer_tag", "Steers tagged", "steer_tags"],
  ["author", "Steers by", "authors"],
  ["serves", "Steers that serve", "serves"],
]);

export class ExportForm extends Piece {
  connected() {
    const choice = (/** @type {string} */ name, /** @type {string} */ label) => h("div", { class: "field" }, h("label", { for: `export-${name}` }, label), h("select", { class: "input", id: `export-${name}`, name }, h("option", { value: "" }, "Any")));
    const steered = h("div", { class: "field" }, h("label", { for: "export-steered" }, "Steered"), h("select", { class: "input", id: "export-steered", name: "steered" }, h("option", { value: "" }, "Or not"), h("option", { value: "true" }, "Steered"), h("option", { value: "false" }, "Not steered")));
    const form = h("form", { "aria-labelledby": "export-title" },
      h("div", { class: "fields" }, CHOICES.slice(0, 1).map(([name, label]) => choice(name, label)), steered, CHOICES.slice(1).map(([name, label]) => choice(name, label)), h("div", { class: "field" }, h("label", { for: "export-text" }, "Steers with text"), h("input", { class: "input", id: "export-text", name: "text", placeholder: "Any", maxlength: "1000", autocomplete: "off" }))),
      h("div", { class: "buttons" }, h("button", { type: "submit", class: "button primary" }, icon("download"), h("span", {}, "Export everything")), h("span", { class: "muted small", role: "status" })),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#export();
    });
    form.addEventListener("input", () => this.#name());
    this.replaceChildren(
      h("h2", { id: "export-title" }, "Export"),
      h("p", { class: "muted" }, "JSON lines with text, exact tokens and every branch: importing them gives the same answers again. Of chosen steers the others stay in the file, set aside."),
      form,
    );
    this.watch(({ facets }) => facets, (facets) => facets && this.#offer(facets));
  }

  /** @param {T.Facets} facets */
  #offer(facets) {
    for (const [name, , part] of CHOICES) {
      const field = /** @type {HTMLSelectElement} */ (this.find(`[name=${name}]`));
      const { value } = field;
      const values = facets[part];
      field.replaceChildren(field.options[0], ...values.map((one) => h("option", { value: one.value }, `${one.value} (${one.count})`)));
      field.value = values.some((one) => one.value === value) ? value : "";
      /** @type {HTMLElement} */ (field.parentElement).hidden = !values.length;
    }
    this.find("[type=submit]").toggleAttribute("disabled", facets.traces === 0);
    this.#name();
  }

  /** @returns {Record<string, string>} */
  get #filter() {
    const given = [...new FormData(/** @type {HTMLFormElement} */ (this.find("form")))].map(([name, value]) => [name, String(value).trim()]);
    return Object.fromEntries(given.filter(([, value]) => value));
  }

  #name() {
    this.find("[type=submit] span").textContent = Object.keys(this.#filter).length ? "Export the selection" : "Export everything";
  }

  async #export() {
    const status = this.find("[role=status]");
    const button = /** @type {HTMLButtonElement} */ (this.find("[type=submit]"));
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    status.textContent = "Writing the file…";
    const file = await command("Export", () => api.download(api.exportAddress({ format: "native", ...this.#filter })));
    button.ariaBusy = "false";
    status.textContent = file ? `${file.name}, ${size(file.blob.size)}` : "";
    if (!file) return;
    const address = URL.createObjectURL(file.blob);
    h("a", { href: address, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    announce(`Exported ${file.name}`);
  }
}

customElements.define("mc-export-form", ExportForm);
