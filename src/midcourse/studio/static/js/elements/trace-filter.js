// @ts-check
/** The list's filters: a button that opens them, and a chip for each that is on. */

import { filter as valued, filtered, named, written } from "../asked.js";
import { h, icon } from "../dom.js";
import { filterTraces, loadFacets } from "../effects.js";
import { Piece } from "../element.js";
import { number } from "../format.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */
/** @import {ListFilter} from "../state.js" */

const STEERED = { "": "All", true: "With steers", false: "Without" };

class TraceFilter extends Piece {
  connected() {
    const button = h("button", { type: "button", class: "chip", popovertarget: "filters", "aria-haspopup": "dialog" }, icon("filter"), "Filter");
    const chips = h("div", { class: "chips" }, button);
    const panel = h("div", { id: "filters", class: "menu filters", popover: "auto", role: "dialog", "aria-label": "Filter conversations" });
    this.replaceChildren(chips, panel);
    panel.addEventListener("toggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      button.setAttribute("aria-expanded", String(open));
      if (open) void loadFacets();
    });
    this.watch(
      ({ facets }) => facets,
      (facets) => {
        panel.replaceChildren(...(facets ? this.#fields(facets) : [h("p", { class: "muted" }, "Loading")]));
        this.#values();
      },
    );
    this.watch(
      ({ list }) => list.filter,
      (filter) => {
        chips.replaceChildren(button, ...this.#chips(filter));
        for (const input of panel.querySelectorAll("input")) input.checked = input.value === String(filter.steered ?? "");
        for (const select of panel.querySelectorAll("select")) select.value = shown(filter, select.name);
        this.#values();
      },
    );
  }

  /** @param {ListFilter} filter */
  #chips({ tag, steered, attribute, author }) {
    /** @type {[keyof ListFilter, string | undefined][]} */
    const on = [
      ["steered", steered === undefined ? undefined : STEERED[/** @type {"true"} */ (String(steered))]],
      ["tag", tag && `#${tag}`],
      ["attribute", attribute && said(attribute)],
      ["author", author && `by ${author}`],
    ];
    return on
      .filter(([, text]) => text)
      .map(([name, text]) =>
        h("button", { type: "button", class: "chip on", "aria-label": `Without filter ${text}`, onclick: () => change({ [name]: undefined }) }, h("span", { class: "cut" }, text), icon("close")),
      );
  }

  /** The values of the attribute that is chosen, where its scale is known. */
  #values() {
    const field = /** @type {HTMLSelectElement | null} */ (this.querySelector("#filter-value"));
    if (!field) return;
    const { name, value } = filtered(store.state.list.filter.attribute);
    const dial = store.state.models?.dials?.dials.find((one) => one.name === name);
    const count = dial ? Math.round((dial.maximum - dial.minimum) / dial.step) + 1 : 0;
    const levels = dial && count <= 21 ? Array.from({ length: count }, (_, at) => written(dial.minimum + at * dial.step)) : [];
    const all = value && !levels.includes(value) ? [...levels, value] : levels;
    field.replaceChildren(h("option", { value: "" }, "Any"), ...all.map((one) => h("option", { value: one, selected: one === value }, one)));
    /** @type {HTMLElement} */ (field.parentElement).hidden = !all.length;
  }

  #valued() {
    const { name } = filtered(store.state.list.filter.attribute);
    change({ attribute: valued(name, /** @type {HTMLSelectElement} */ (this.find("#filter-value")).value) || undefined });
  }

  /** @param {T.Facets} facets */
  #fields({ trace_tags: tags, attributes, authors }) {
    const { filter } = store.state.list;
    const option = (/** @type {[string, string]} */ [value, text]) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "steered", value, checked: value === String(filter.steered ?? ""), onchange: () => change({ steered: value ? value === "true" : undefined }) }),
        text,
      );
    return [
      h("fieldset", { class: "field" }, h("legend", {}, "Steers"), h("div", { class: "choices" }, Object.entries(STEERED).map(option))),
      select("tag", "Tag", tags),
      select("attribute", "Asked for", attributes),
      attributes.length ? h("div", { class: "field value" }, h("label", { for: "filter-value" }, "With the value"), h("select", { id: "filter-value", name: "value", class: "input", onchange: () => this.#valued() })) : null,
      select("author", "Author", authors),
    ].filter((one) => one !== null);
  }
}

/** What a select shows of a filter. @param {ListFilter} filter @param {string} name */
function shown(filter, name) {
  if (name === "attribute") return filtered(filter.attribute).name;
  if (name === "value") return filtered(filter.attribute).value;
  return String(filter[/** @type {"tag"} */ (name)] ?? "");
}

/** A filter by an attribute in words. @param {string} attribute */
function said(attribute) {
  const { name, value } = filtered(attribute);
  return [named(name), value].filter(Boolean).join(" ");
}

/**
 * @param {"tag" | "attribute" | "author"} name
 * @param {string} title
 * @param {T.Facet[]} values
 */
function select(name, title, values) {
  if (!values.length) return null;
  const now = shown(store.state.list.filter, name);
  const field = h(
    "select",
    { id: `filter-${name}`, name, class: "input", onchange: () => change({ [name]: field.value || undefined }) },
    h("option", { value: "" }, "Any"),
    values.map(({ value, count }) => h("option", { value, selected: value === now }, `${value} (${number(count)})`)),
  );
  return h("div", { class: "field" }, h("label", { for: field.id }, title), field);
}

/** @param {Partial<ListFilter>} more */
function change(more) {
  void filterTraces({ ...store.state.list.filter, ...more });
}

customElements.define("mc-trace-filter", TraceFilter);
