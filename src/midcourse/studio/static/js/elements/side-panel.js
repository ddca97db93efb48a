// @ts-check
/** Beside the answer: its steers, its branches, and the settings of the conversation. On a narrow screen it lies over the answer. */

import "./branches.js";
import "./trace-settings.js";
import "./trace-steers.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {TraceSteers} from "./trace-steers.js" */
/** @import {Branches} from "./branches.js" */
/** @typedef {"steers" | "branches" | "settings"} Tab */

/** @type {[Tab, string][]} */
const TABS = [
  ["steers", "Steers"],
  ["branches", "Branches"],
  ["settings", "Settings"],
];

export class SidePanel extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #steers = /** @type {TraceSteers} */ (document.createElement("mc-trace-steers"));
  #branches = /** @type {Branches} */ (document.createElement("mc-branches"));
  #settings = document.createElement("mc-trace-settings");
  /** @type {Record<Tab, HTMLButtonElement>} */
  #tabs = /** @type {any} */ ({});

  connected() {
    this.setAttribute("role", "complementary");
    this.setAttribute("aria-label", "Steers, branches and settings");
    this.#steers.steering = this.#branches.steering = this.steering;
    for (const [tab, says] of TABS)
      this.#tabs[tab] = h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}`, onclick: () => this.select(tab) }, says, h("span", { class: "count numbers" }));
    const pieces = { steers: this.#steers, branches: this.#branches, settings: this.#settings };
    for (const [tab] of TABS) {
      const piece = pieces[tab];
      piece.id = `panel-${tab}`;
      piece.setAttribute("role", "tabpanel");
      piece.setAttribute("aria-labelledby", `tab-${tab}`);
    }
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Beside the answer" }, ...Object.values(this.#tabs));
    const close = h("button", { type: "button", class: "button plain only-icon", "aria-label": "Close the panel", onclick: () => this.dispatchEvent(new Event("closeside", { bubbles: true })) }, icon("close"));
    this.replaceChildren(h("header", {}, list, close), this.#steers, this.#branches, this.#settings);
    this.listen(list, "keydown", (event) => this.#walk(event));
    this.select("steers");
    this.watch(
      ({ trace }) => trace?.steers.length,
      (count) => this.#count("steers", count),
    );
    this.watch(
      ({ trace }) => trace?.forks.length,
      (count) => this.#count("branches", count),
    );
  }

  /** @param {Tab} selected */
  select(selected) {
    for (const [tab] of TABS) {
      const on = tab === selected;
      this.#tabs[tab].setAttribute("aria-selected", String(on));
      this.#tabs[tab].tabIndex = on ? 0 : -1;
      const panel = this.querySelector(`#panel-${tab}`);
      if (panel instanceof HTMLElement) panel.hidden = !on;
    }
  }

  /** What is said of a steer, to be changed. @param {number} number @param {import("./steer-about.js").Part} part */
  edit(number, part) {
    this.select("steers");
    this.#steers.edit(number, part);
  }

  /** @param {Tab} tab @param {number} [count] */
  #count(tab, count = 0) {
    this.#tabs[tab].lastElementChild?.replaceChildren(...(count ? [String(count)] : []));
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = TABS.findIndex(([tab]) => this.#tabs[tab] === event.target);
    const [next] = TABS[(at + by + TABS.length) % TABS.length];
    this.select(next);
    this.#tabs[next].focus();
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("mc-side-panel", SidePanel);
