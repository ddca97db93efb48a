// @ts-check
/**
 * What is to be compared: two states of the model, each with what is asked of it, prompts that are typed or taken from
 * conversations, and how long answers may get. Dispatches `compare` with the request as its detail, and `halt`.
 */

import { NOTHING, ofAddress, same } from "../asked.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { store } from "../store.js";
import { many } from "../words.js";
import { Dials } from "./dials.js";
import { TracePicker } from "./trace-picker.js";

/** @import * as T from "../types.d.ts" */

const MOST = 20;
export const BASE = "The model as it is";

export class CompareForm extends Piece {
  #picker = new TracePicker();
  #dials = { left: new Dials(), right: new Dials() };

  connected() {
    if (this.firstChild) return;
    const side = (/** @type {string} */ name, /** @type {string} */ label) => h("div", { class: "field" }, h("label", { for: `compare-${name}` }, label), h("select", { class: "input", id: `compare-${name}`, name, onchange: () => this.#turn() }));
    const asked = (/** @type {"left" | "right"} */ name, /** @type {string} */ label) => h("fieldset", { class: name, hidden: true }, h("legend", {}, label), this.#dials[name]);
    const form = h("form", { "aria-label": "What to compare" },
      h("div", { class: "states" }, side("left", "Left"), h("button", { type: "button", class: "button plain only-icon swap", "aria-label": "Swap the sides", onclick: () => this.#swap() }, "⇄"), side("right", "Right")),
      h("div", { class: "asking" }, asked("left", "Asked of the left"), asked("right", "Asked of the right")),
      h("fieldset", {}, h("legend", {}, "Prompts"), h("div", { class: "prompts" }),
        h("div", { class: "buttons" }, h("button", { type: "button", class: "button add", onclick: () => this.#add("", true) }, icon("plus"), "Add a prompt"), h("button", { type: "button", class: "button take", "aria-expanded": "false", onclick: () => this.#take() }, "Take from conversations")),
        this.#picker,
      ),
      h("div", { class: "go" },
        h("div", { class: "field" }, h("label", { for: "compare-most" }, "Tokens at most"), h("input", { class: "input", id: "compare-most", name: "most", type: "number", min: "1", max: "4000", value: "200" })),
        h("button", { type: "submit", class: "button primary" }, icon("play"), "Compare"),
        h("button", { type: "button", class: "button halt", hidden: true, onclick: () => this.dispatchEvent(new CustomEvent("halt")) }, icon("stop"), "Stop"),
      ),
      h("p", { class: "fault", role: "alert", hidden: true }),
    );
    this.#picker.hidden = true;
    this.replaceChildren(form);
    form.addEventListener("submit", (event) => this.#submitted(event));
    form.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit());
    this.listen(this.#picker, "picked", () => this.#taken());
    this.#add("");
    this.watch(({ models }) => models, () => this.#offer());
    this.watch(({ route }) => route, ({ view, query }) => view === "compare" && this.#asked(query));
  }

  /** @param {Record<string, string>} query the address may name the sides */
  #asked(query) {
    for (const name of /** @type {const} */ (["left", "right"])) {
      if (name in query) this.#side(name).dataset.wish = query[name];
      if (`${name}-asked` in query) this.#dials[name].value = ofAddress(query[`${name}-asked`]);
    }
    if (query.traces) {
      this.#picker.picked = new Set(query.traces.split(","));
      this.#taken();
    }
    this.#offer();
  }

  /** @param {"left" | "right"} name */
  #side(name) {
    return /** @type {HTMLSelectElement} */ (this.find(`[name=${name}]`));
  }

  #offer() {
    const { models } = store.state;
    if (!models) return;
    const names = models.adapters.filter(({ fits }) => fits).map(({ name }) => name);
    for (const name of /** @type {const} */ (["left", "right"])) {
      const field = this.#side(name);
      const usual = name === "left" ? "" : (models.active ?? names[0] ?? "");
      const value = field.dataset.wish ?? (field.options.length > 1 ? field.value : usual);
      field.replaceChildren(h("option", { value: "" }, BASE), ...names.map((own) => h("option", { value: own }, own)));
      field.value = names.includes(value) ? value : "";
      if (names.includes(value) || value === "") delete field.dataset.wish;
    }
    this.#turn();
  }

  /** Each side has the dials of what is chosen there. */
  #turn() {
    const { models } = store.state;
    for (const name of /** @type {const} */ (["left", "right"])) {
      const chosen = this.#side(name).value;
      const dials = (chosen ? models?.adapters.find((one) => one.name === chosen)?.dials : models?.own_dials) ?? null;
      this.#dials[name].dials = dials;
      /** @type {HTMLElement} */ (this.#dials[name].parentElement).hidden = !dials;
    }
  }

  /** What is asked of a side. @param {"left" | "right"} name */
  #wanted(name) {
    return this.#dials[name].dials ? this.#dials[name].fitting : NOTHING;
  }

  #swap() {
    const [left, right] = [this.#side("left"), this.#side("right")];
    [left.value, right.value] = [right.value, left.value];
    const { left: one, right: other } = this.#dials;
    [one.value, other.value] = [other.value, one.value];
    this.#turn();
  }

  /** @param {string} text @param {boolean} [focus] */
  #add(text, focus = false) {
    const place = this.find(".prompts");
    const number = place.children.length + 1;
    const field = h("textarea", { class: "input", rows: "2", maxlength: "100000", "aria-label": `Prompt ${number}`, placeholder: "What both are asked" });
    field.value = text;
    const row = h("div", { class: "one" }, field, h("button", { type: "button", class: "button plain only-icon", "aria-label": "Remove this prompt", onclick: () => this.#remove(row) }, icon("close")));
    place.append(row);
    if (focus) field.focus();
  }

  /** @param {HTMLElement} row */
  #remove(row) {
    if (this.find(".prompts").children.length > 1) row.remove();
    /** @type {HTMLTextAreaElement} */ (this.find(".prompts textarea:last-of-type")).focus();
    if (row.isConnected) /** @type {HTMLTextAreaElement} */ (row.firstElementChild).value = "";
  }

  #take() {
    this.#picker.hidden = !this.#picker.hidden;
    this.find(".take").ariaExpanded = String(!this.#picker.hidden);
    if (!this.#picker.hidden) this.#picker.open();
  }

  #taken() {
    const { size } = this.#picker.picked;
    this.find(".take").textContent = size ? `${many(size, "conversation")} taken` : "Take from conversations";
  }

  /** @param {Event} event */
  #submitted(event) {
    event.preventDefault();
    const prompts = [...this.querySelectorAll("textarea")].map(({ value }) => value).filter((text) => text.trim());
    const traces = [...this.#picker.picked];
    const [left, right] = [this.#side("left").value || null, this.#side("right").value || null];
    const most = /** @type {HTMLInputElement} */ (this.find("[name=most]")).valueAsNumber;
    const [left_asked, right_asked] = [this.#wanted("left"), this.#wanted("right")];
    if (left === right && same(left_asked, right_asked)) return this.fault("Both sides are the same. Choose two states of the model, or ask one side for something else.");
    if (!prompts.length && !traces.length) return this.fault("Type a prompt, or take some from conversations.");
    if (prompts.length > MOST || traces.length > MOST) return this.fault(`At most ${MOST} prompts and ${MOST} conversations at a time.`);
    this.fault(null);
    /** @type {T.NewComparison} */
    const detail = { left, right, left_asked, right_asked, prompts, traces, max_tokens: most || 200 };
    this.dispatchEvent(new CustomEvent("compare", { detail }));
  }

  /** @param {string | null} text what is wrong */
  fault(text) {
    const place = /** @type {HTMLElement} */ (this.find("form > .fault"));
    place.hidden = !text;
    place.textContent = text;
  }

  /** @param {boolean} running whether a comparison runs */
  set running(running) {
    const [submit, halt] = [this.find("[type=submit]"), this.find(".halt")];
    const within = this.contains(document.activeElement) && document.activeElement?.closest(".go") !== null;
    submit.toggleAttribute("hidden", running);
    halt.toggleAttribute("hidden", !running);
    if (within) /** @type {HTMLElement} */ (running ? halt : submit).focus();
  }
}

customElements.define("mc-compare-form", CompareForm);
