// @ts-check
/** The conversations at the left: a new one, search and filters above, and as many rows as can be seen. */

import "./trace-filter.js";
import "./trace-rows.js";
import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { filterTraces, loadFacets } from "../effects.js";
import { Piece } from "../element.js";
import { counted } from "../format.js";
import { keyFor } from "../keys.js";
import { go } from "../router.js";
import { store } from "../store.js";
import { startNew } from "./composer.js";

const PAUSE = 180; // milliseconds without a key before it searches
const SETTLED = 500; // milliseconds after the last change before it counts
const CLOSED = "midcourse.list-closed";
const NARROW = "(max-width: 860px)"; // there the list is a drawer

class TraceList extends Piece {
  connected() {
    const narrow = matchMedia(NARROW);
    const search = h("input", {
      id: "search",
      class: "input",
      type: "search",
      placeholder: "Search",
      "aria-label": "Search conversations",
      autocomplete: "off",
      spellcheck: "false",
    });
    const create = h("button", { type: "button", class: "button", onclick: startNew }, icon("plus"), "New");
    const rows = h("mc-trace-rows");
    const total = h("p", { class: "total muted small numbers" });
    this.id = "traces";
    this.setAttribute("role", "navigation");
    this.setAttribute("aria-label", "Conversations");
    this.replaceChildren(
      h("div", { class: "tools" }, h("div", { class: "searching" }, icon("search"), search), create),
      h("mc-trace-filter"),
      rows,
      total,
    );
    this.#search(search, rows);
    this.watch(
      ({ route }) => route.view === "steer",
      (here) => (this.hidden = !here),
    );
    this.watch(
      ({ route }) => route.id,
      () => narrow.matches && this.close(),
    );
    this.watch(
      ({ preferences: { keys } }) => keys,
      () => (create.dataset.tip = `New conversation ${keyFor("new")}`),
    );
    this.watch(
      ({ facets }) => facets,
      (facets) => (total.textContent = facets ? `${counted(facets.traces, "conversation")} · ${counted(facets.steers, "steer")}` : ""),
    );
    this.#count();
    const arrange = () => this.#show(!narrow.matches && !closed(), narrow.matches);
    this.listen(narrow, "change", arrange);
    arrange();
    // Esc and a touch beside it close the drawer.
    this.listen(this, "keydown", (event) => {
      if (event.key === "Escape" && narrow.matches) this.close();
    });
    this.listen(document, "pointerdown", (event) => {
      if (narrow.matches && this.isOpen && !this.contains(event.target) && !event.target.closest("mc-top-bar")) this.close();
    });
  }

  /** The totals are asked for again when a row that came or changed says that they may be others. */
  #count() {
    let timer = 0;
    this.watch(
      ({ list }) => list.rows.reduce((sum, { steers }) => sum + 1 + steers, 0),
      (_, before) => {
        clearTimeout(timer);
        if (before !== undefined) timer = setTimeout(loadFacets, SETTLED);
      },
    );
    this.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  get isOpen() {
    return !this.inert;
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.reveal();
    if (!matchMedia(NARROW).matches) remember(!this.isOpen);
  }

  reveal() {
    const drawer = matchMedia(NARROW).matches;
    this.#show(true, drawer);
    if (drawer) /** @type {HTMLElement} */ (this.find("a, input")).focus();
  }

  close() {
    const within = this.contains(document.activeElement);
    this.#show(false, matchMedia(NARROW).matches);
    if (within) /** @type {HTMLElement | null} */ (document.querySelector("[aria-controls=traces]"))?.focus();
  }

  /** @param {boolean} open @param {boolean} drawer */
  #show(open, drawer) {
    this.inert = !open;
    this.classList.toggle("open", open);
    document.documentElement.classList.toggle("covered", open && drawer);
    document.querySelector("[aria-controls=traces]")?.setAttribute("aria-expanded", String(open));
  }

  /** @param {HTMLInputElement} search @param {HTMLElement} rows */
  #search(search, rows) {
    let timer = 0;
    const ask = async () => {
      const { filter } = store.state.list;
      const text = search.value.trim() || undefined;
      if (filter.text === text) return;
      await filterTraces({ ...filter, text });
      const { rows: found, next, ready } = store.state.list;
      if (ready && text) announce(`${found.length}${next ? " and more" : ""} found`);
    };
    this.listen(search, "input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    });
    this.listen(search, "keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        /** @type {HTMLElement | null} */ (rows.querySelector("a"))?.focus();
      }
      if (event.key === "Escape" && search.value) {
        event.stopPropagation();
        event.preventDefault();
        search.value = "";
        void ask();
      }
    });
    this.signal.addEventListener("abort", () => clearTimeout(timer));
  }
}

/** @returns {TraceList | null} */
const list = () => document.querySelector("mc-trace-list");

/** Shows or hides it. */
export function toggleList() {
  list()?.toggle();
}

/** Goes to its search field. */
export function searchList() {
  go("steer", store.state.route.view === "steer" ? store.state.route.id : (store.state.trace?.id ?? null));
  list()?.reveal();
  /** @type {HTMLInputElement | null} */ (document.querySelector("#search"))?.select();
  /** @type {HTMLInputElement | null} */ (document.querySelector("#search"))?.focus();
}

/** @returns {boolean} */
function closed() {
  try {
    return localStorage.getItem(CLOSED) !== null;
  } catch {
    return false;
  }
}

/** @param {boolean} is */
function remember(is) {
  try {
    if (is) localStorage.setItem(CLOSED, "");
    else localStorage.removeItem(CLOSED);
  } catch {
    return; // a browser that keeps nothing
  }
}

customElements.define("mc-trace-list", TraceList);
