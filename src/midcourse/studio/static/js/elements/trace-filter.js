// @ts-check
/** The list's filters: a button that opens them, and a chip for each that is on. */

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
      (facets) => panel.replaceChildren(...(facets ? this.#fields(facets) : [h("p", { class: "muted" }, "Loading")])),
    );
    this.watch(
      ({ list }) => list.filter,
      (filter) => {
        chips.replaceChildren(button, ...this.#chips(filter));
        for (const input of panel.querySelectorAll("input")) input.checked = input.value === String(filter.steered ?? "");
        for (const select of panel.querySelectorAll("select")) select.value = String(filter[/** @type {"tag"} */ (select.name)] ?? "");
      },
    );
  }

  /** @param {ListFilter} filter */
  #chips({ tag, steered, attribute, author }) {
    /** @type {[keyof ListFilter, string | undefined][]} */
    const on = [
      ["steered", steered === undefined ? undefined : STEERED[/** @type {"true"} */ (String(steered))]],
      ["tag", tag && `#${tag}`],
      ["attribute", attribute],
      ["author", author && `by ${author}`],
    ];
    return on
      .filter(([, text]) => text)
      .map(([name, text]) =>
        h("button", { type: "button", class: "chip on", "aria-label": `Without filter ${text}`, onclick: () => change({ [name]: undefined }) }, h("span", { class: "cut" }, text), icon("close")),
      );
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
      select("attribute", "Attribute", attributes),
      select("author", "Author", authors),
    ].filter((one) => one !== null);
  }
}

/**
 * @param {"tag" | "attribute" | "author"} name
 * @param {string} title
 * @param {T.Facet[]} values
 */
function select(name, title, values) {
  if (!values.length) return null;
  const now = store.state.list.filter[name] ?? "";
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
