// @ts-check
/**
 * All steers in a table, to be looked through: filtered, edited in place, set aside and taken back, one or several at once.
 *
 * The filter is in the address. What happens elsewhere (another tab, another person) comes by the rows of conversations:
 * where nothing is chosen or edited the table follows by itself, otherwise it offers to.
 */

import * as api from "../api.js";
import { announce } from "../announce.js";
import { h } from "../dom.js";
import { command, loadFacets } from "../effects.js";
import { Piece } from "../element.js";
import { Pages } from "../pages.js";
import { address, go } from "../router.js";
import { attributes } from "../serves.js";
import { filterOf, keyOf, queryOf } from "../steers.js";
import { store } from "../store.js";
import { count, many } from "../words.js";
import { KNOWN_ATTRIBUTES, KNOWN_TAGS } from "./steer-editor.js";
import { SteerFilterForm } from "./steer-filter.js";
import { SteerGrid } from "./steer-grid.js";
import { SteerSelection } from "./steer-selection.js";

/** @import * as T from "../types.d.ts" */

const SETTLES = 800; // milliseconds after the last change elsewhere

class ReviewView extends Piece {
  #form = new SteerFilterForm();
  #grid = new SteerGrid();
  #selection = new SteerSelection();
  #pages = new Pages((after, limit, signal) => api.steers({ ...this.#form.filter, after, limit }, { signal }), () => this.#came());
  /** Steers of each conversation, as the list said last. @type {Map<string, number>} */
  #counts = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;
  #left = false; // for a steer's conversation: who comes back wants to be at its row
  /** The filter of what is shown; null before the first. @type {string | null} */
  #asked = null;

  connected() {
    const title = h("h1", {}, "Review");
    this.replaceChildren(
      h("div", { class: "review" },
        h("header", {}, title, h("p", { class: "muted counts numbers", role: "status" }), h("button", { type: "button", class: "button renew", hidden: true, onclick: () => this.#renew() }, "Show what is new")),
        this.#form, this.#selection, h("div", { class: "empty", hidden: true }), this.#grid, h("datalist", { id: KNOWN_TAGS }), h("datalist", { id: KNOWN_ATTRIBUTES }),
      ),
    );
    this.#grid.pages = this.#pages;
    this.#grid.change = (steer, change) => this.#change(steer, change);
    this.#selection.change = (steer, change) => this.#changed(steer, change);
    this.listen(this.#form, "filter", ({ detail }) => go("review", null, queryOf(detail), { replace: true }));
    this.listen(this.#grid, "open", ({ detail }) => {
      this.#left = true;
      go("steer", detail.trace, { steer: String(detail.number) });
    });
    this.listen(this.#grid, "aside", ({ detail }) => void this.#aside(detail));
    this.listen(this.#grid, "picked", () => this.#picked());
    this.listen(this.#grid, "all", ({ detail }) => void this.#all(detail));
    this.listen(this.#selection, "clear", () => this.#none());
    this.keys({ search: () => this.#form.focus() });
    this.watch(({ route }) => route, (route) => route.view === "review" && this.#filter(filterOf(route.query)));
    this.watch(({ facets }) => facets, (facets) => facets && this.#tags(facets.steer_tags));
    this.watch(({ facets, models }) => attributes({ facets, models, trace: null }).join("\n"), (names) => this.#attributes(names.split("\n").filter(Boolean)));
    this.watch(({ list }) => list.rows, (rows) => this.#elsewhere(rows));
    this.watch(({ connection }) => connection, (state) => state === "open" && this.#pages.error && this.#renew());
  }

  shown() {
    this.#grid.draw();
    void loadFacets();
    if (this.#asked !== null && !this.#busy) this.#renew();
    if (this.#left) this.#grid.go(this.#grid.current);
    this.#left = false;
  }

  /** Whether something would be disturbed if other rows came. */
  get #busy() {
    return this.#grid.picked.size > 0 || this.querySelector("mc-steer-editor") !== null;
  }

  /** @param {api.SteerFilter} filter */
  #filter(filter) {
    const asked = JSON.stringify(queryOf(filter));
    if (this.#asked === asked) return;
    this.#asked = asked;
    this.#form.filter = filter;
    this.#grid.picked.clear();
    this.#picked();
    this.#pages.restart();
    this.#pages.rows = [];
    this.#pages.total = 0;
    this.#grid.reset();
    this.#came();
  }

  /** The same rows anew; nothing jumps. */
  #renew() {
    /** @type {HTMLElement} */ (this.find("button.renew")).hidden = true;
    this.#pages.restart(Math.max(this.#pages.rows.length, this.#pages.page));
  }

  /** Rows have come, or could not. */
  #came() {
    if (!this.firstChild) return;
    const { known, total, error, loading } = this.#pages;
    const filtered = Object.keys(this.#form.filter).length > 0;
    const said = known ? `${many(total, "steer")}${filtered ? " like that" : ""}` : loading ? "Loading…" : "";
    const counts = this.find(".counts");
    if (counts.textContent !== said) counts.textContent = said;
    this.#grid.hidden = (known && total === 0) || (!!error && !known);
    this.#grid.ariaBusy = String(loading);
    this.#grid.classList.toggle("fresh", !known && !error);
    this.#without(known && total === 0, error, filtered);
    this.#grid.draw();
  }

  /**
   * What stands in the place of a table that is empty.
   * @param {boolean} none
   * @param {unknown} error
   * @param {boolean} filtered
   */
  #without(none, error, filtered) {
    const place = /** @type {HTMLElement} */ (this.find(".empty"));
    place.hidden = !none && !error;
    if (error) {
      const again = h("button", { type: "button", class: "button", onclick: () => this.#renew() }, "Try again");
      place.replaceChildren(h("h2", {}, "The steers could not be loaded"), h("p", {}, error instanceof Error ? error.message : String(error)), again);
    } else if (none && filtered) {
      const clear = h("a", { class: "button", href: address("review") }, "Show all steers");
      place.replaceChildren(h("h2", {}, "No steer is like that"), clear);
    } else if (none) {
      const begin = h("a", { class: "button primary", href: address("steer") }, "Steer an answer");
      place.replaceChildren(h("h2", {}, "No steers yet"), h("p", {}, "Each correction that is kept stands here: what the model had written, and what should stand there instead."), begin);
    }
  }

  /** @param {T.Facet[]} tags */
  #tags(tags) {
    this.find(`#${KNOWN_TAGS}`).replaceChildren(...tags.map(({ value }) => h("option", { value })));
  }

  /** There is a column for what steers serve where there are attributes. @param {string[]} names */
  #attributes(names) {
    this.find(`#${KNOWN_ATTRIBUTES}`).replaceChildren(...names.map((value) => h("option", { value })));
    this.#grid.classList.toggle("attributes", names.length > 0);
    this.#grid.draw();
  }

  /** @param {T.TraceRowView[]} rows of the list: some conversation may have another number of steers */
  #elsewhere(rows) {
    const changed = rows.some(({ id, steers }) => (this.#counts.get(id) ?? steers) !== steers || (this.#counts.size > 0 && steers > 0 && !this.#counts.has(id)));
    for (const { id, steers } of rows) this.#counts.set(id, steers);
    if (!changed || this.#asked === null || store.state.route.view !== "review") return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      if (this.#busy) /** @type {HTMLElement} */ (this.find("button.renew")).hidden = false;
      else this.#renew();
    }, SETTLES);
  }

  // Changing

  /**
   * @param {T.SteerRowView} steer
   * @param {T.SteerChange} change
   */
  async #change(steer, change) {
    const done = await command("Keep the change", () => api.changeSteer(steer.trace, steer.number, change), () => this.#changed(steer, change));
    if (done && (change.tags || change.serves)) void loadFacets();
    return done !== null;
  }

  /** @param {T.SteerRowView} steer */
  async #aside(steer) {
    const aside = !steer.aside;
    const verb = aside ? "Set aside" : "Take back in";
    const done = await command(verb, () => api.changeSteer(steer.trace, steer.number, { aside }), () => this.#changed(steer, { aside }));
    if (done) announce(aside ? "Set aside: kept, and not trained on." : "Taken back in.");
  }

  /**
   * A steer is another one now.
   * @param {T.SteerRowView} steer
   * @param {T.SteerChange} change
   */
  #changed(steer, change) {
    const index = this.#pages.rows.findIndex((row) => keyOf(row) === keyOf(steer));
    if (index < 0) return;
    const now = /** @type {T.SteerRowView} */ ({ ...this.#pages.rows[index], ...change });
    this.#pages.replace(index, { ...now, reason: now.reason || null });
    this.#grid.draw();
  }

  // Several at once

  #picked() {
    const { picked } = this.#grid;
    this.#selection.show(this.#pages.rows.filter((row) => picked.has(keyOf(row))));
  }

  /** None is chosen any more; the keyboard goes on where it was, for its button is gone. */
  #none() {
    const within = this.#selection.contains(document.activeElement) || document.activeElement === document.body;
    void this.#all(false);
    if (within) this.#grid.go(this.#grid.current);
  }

  /** @param {boolean} all */
  async #all(all) {
    if (all) await this.#pages.want(this.#pages.total);
    this.#grid.picked = new Set(all ? this.#pages.rows.map(keyOf) : []);
    this.#grid.pickedChanged();
    announce(all ? `${count(this.#grid.picked.size)} chosen` : "None chosen");
  }
}

customElements.define("mc-review-view", ReviewView);
