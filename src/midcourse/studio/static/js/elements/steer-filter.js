// @ts-check
/**
 * Which steers the table shows: text, tag, author, what they serve, kind, set aside or not, on abandoned branches or not. Dispatches `filter`
 * when a person has chosen; `filter` (the property) is what is chosen.
 */

import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { KINDS } from "../steers.js";

/** @import * as T from "../types.d.ts" */
/** @import {SteerFilter} from "../api.js" */

const QUIET = 200; // milliseconds after the last letter

export class SteerFilterForm extends Piece {
  /** @type {SteerFilter} */
  #filter = {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connected() {
    const text = h("input", { class: "input", type: "search", name: "text", placeholder: "Search text and reasons", "aria-label": "Search text and reasons", autocomplete: "off" });
    const form = h(
      "form",
      { class: "filter", role: "search", "aria-label": "Steers" },
      h("span", { class: "find" }, icon("search"), text),
      this.#select("tag", "Tag", [["", "Any tag"]]),
      this.#select("author", "Author", [["", "Any author"]]),
      this.#select("serves", "Serves", [["", "Serving any"]]),
      this.#select("kind", "Kind", [["", "Any kind"], ...Object.entries(KINDS)]),
      this.#select("aside", "Set aside", [["", "In and set aside"], ["no", "Not set aside"], ["yes", "Set aside"]]),
      this.#select("abandoned", "Branch", [["", "Any branch"], ["no", "In the answer"], ["yes", "Abandoned branch"]]),
      h("button", { type: "button", class: "button plain clear", hidden: true, onclick: () => this.#chosen({}) }, "Clear"),
    );
    this.replaceChildren(form);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => this.#chosen(this.#given()));
    text.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#chosen(this.#given()), QUIET);
    });
    this.watch(
      ({ facets }) => facets,
      (facets) => facets && this.#offer(facets),
    );
    this.filter = this.#filter;
  }

  get filter() {
    return this.#filter;
  }

  set filter(filter) {
    this.#filter = filter;
    if (!this.firstChild) return;
    for (const name of /** @type {const} */ (["text", "tag", "author", "serves", "kind"])) this.#put(name, filter[name] ?? "");
    for (const name of /** @type {const} */ (["aside", "abandoned"])) this.#put(name, filter[name] === undefined ? "" : filter[name] ? "yes" : "no");
    this.find("button.clear").toggleAttribute("hidden", Object.keys(filter).length === 0);
  }

  /** Puts the keyboard into the search field. */
  focus() {
    /** @type {HTMLInputElement} */ (this.find("[name=text]")).select();
    /** @type {HTMLInputElement} */ (this.find("[name=text]")).focus();
  }

  /** @param {string} name @param {string} value */
  #put(name, value) {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (this.find(`[name=${name}]`));
    if (field instanceof HTMLSelectElement && value && ![...field.options].some((option) => option.value === value)) {
      field.append(h("option", { value }, value)); // from an address; nothing has it any more, or nobody has counted yet
    }
    if (field !== document.activeElement || field instanceof HTMLSelectElement) field.value = value;
    field.classList.toggle("on", value !== "");
  }

  /** @returns {SteerFilter} */
  #given() {
    const values = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (this.firstElementChild)));
    /** @type {SteerFilter} */
    const filter = this.#filter.trace ? { trace: this.#filter.trace } : {};
    for (const name of /** @type {const} */ (["text", "tag", "author", "serves", "kind"])) if (values[name]) filter[name] = String(values[name]);
    for (const name of /** @type {const} */ (["aside", "abandoned"])) if (values[name]) filter[name] = values[name] === "yes";
    return filter;
  }

  /** @param {SteerFilter} filter */
  #chosen(filter) {
    clearTimeout(this.#timer);
    if (!Object.keys(filter).length) /** @type {HTMLInputElement} */ (this.find("[name=text]")).value = "";
    this.filter = filter;
    this.dispatchEvent(new CustomEvent("filter", { detail: filter }));
  }

  /** @param {T.Facets} facets */
  #offer({ steer_tags, authors, serves }) {
    for (const [name, any, values] of /** @type {[string, string, T.Facet[]][]} */ ([["tag", "Any tag", steer_tags], ["author", "Any author", authors], ["serves", "Serving any", serves]])) {
      const field = /** @type {HTMLSelectElement} */ (this.find(`[name=${name}]`));
      const { value } = field;
      field.replaceChildren(h("option", { value: "" }, any), ...values.map((one) => h("option", { value: one.value }, `${one.value} (${one.count})`)));
      this.#put(name, value);
    }
    /** @type {HTMLElement} */ (this.find("[name=serves]")).hidden = !serves.length && !this.#filter.serves;
  }

  /** @param {string} name @param {string} label @param {[string, string][]} options */
  #select(name, label, options) {
    return h("select", { class: "input", name, "aria-label": label }, options.map(([value, text]) => h("option", { value }, text)));
  }
}

customElements.define("mc-steer-filter", SteerFilterForm);
