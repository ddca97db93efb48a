// @ts-check
/**
 * The table of steers: as many rows as there are, of which only those in sight are in the document.
 *
 * Rows are of one height and stand at their place (virtual.js); they are fetched as they come into sight (pages.js). One row
 * is current: it has the focus, or will get it. With → the focus goes into its cells, with ← back. The current row and one
 * that is being edited stay in the document wherever one scrolls.
 */

import { h } from "../dom.js";
import { Piece } from "../element.js";
import { COLUMNS, empty, fill, mark } from "../steer-row.js";
import { keyOf } from "../steers.js";
import { drawn, reached, screenful } from "../virtual.js";
import { SteerEditor } from "./steer-editor.js";

/** @import {Pages} from "../pages.js" */
/** @import * as T from "../types.d.ts" */
/** @import {Part} from "./steer-editor.js" */

const AHEAD = 100; // rows that are fetched before they come into sight

export class SteerGrid extends Piece {
  /** @type {Pages<T.SteerRowView> | null} */
  pages = null;
  /** @type {(steer: T.SteerRowView, change: T.SteerChange) => Promise<boolean>} */
  change = async () => true;
  /** Keys of the steers that are changed together. @type {Set<string>} */
  picked = new Set();
  /** The current row. */
  current = 0;
  #column = -1; // −1: the row itself
  #from = 0; // where a range began
  /** @type {{index: number, editor: SteerEditor} | null} */
  #editing = null;
  /** @type {Map<number, {row: HTMLElement, steer: T.SteerRowView | undefined}>} */
  #rows = new Map();
  #height = 1;
  #frame = 0;

  connected() {
    const head = h("div", { class: "row head", role: "row", "aria-rowindex": "1" });
    const all = h("input", { type: "checkbox", "aria-label": "Choose all", onchange: () => this.dispatchEvent(new CustomEvent("all", { detail: all.checked })) });
    for (const { name, title } of COLUMNS) {
      const hidden = name === "pick" || name === "acts";
      head.append(h("div", { class: `cell ${name}`, role: "columnheader" }, name === "pick" ? all : hidden ? h("span", { class: "unseen" }, title) : title));
    }
    const probe = h("div", { class: "row probe", "aria-hidden": "true" });
    this.role = "grid";
    this.ariaLabel = "Steers";
    this.ariaMultiSelectable = "true";
    this.replaceChildren(h("div", { role: "rowgroup" }, head), h("div", { role: "rowgroup", class: "body" }), probe);
    this.listen(this, "scroll", () => this.#later());
    this.listen(this, "click", (event) => this.#clicked(event));
    this.listen(this, "dblclick", (event) => this.#clicked(event, true));
    this.listen(this, "keydown", (event) => this.#pressed(event));
    this.listen(this, "focusin", (event) => this.#focused(event.target));
    const sizes = new ResizeObserver(() => this.draw());
    sizes.observe(this);
    this.signal.addEventListener("abort", () => sizes.disconnect());
    this.keys({
      "row-up": (event) => this.#here(event) && this.go(this.current - 1),
      "row-down": (event) => this.#here(event) && this.go(this.current + 1),
      open: (event) => this.#here(event) && this.#enter(),
      aside: (event) => this.#here(event) && this.#act("aside"),
      "row-select": (event) => this.#here(event) && this.#pick(this.current, false),
      "row-reason": (event) => this.#here(event) && this.edit("reason"),
      "row-tags": (event) => this.#here(event) && this.edit("tags"),
      "row-serves": (event) => this.#here(event) && this.classList.contains("attributes") && this.edit("serves"),
      "row-weight": (event) => this.#here(event) && this.edit("weight"),
    });
  }

  /** The steer of the current row. */
  get steer() {
    return this.pages?.rows[this.current];
  }

  /** What can be seen of the rows. */
  get #view() {
    const head = /** @type {HTMLElement} */ (this.firstElementChild).offsetHeight;
    return { top: this.scrollTop, height: Math.max(0, this.clientHeight - head), row: this.#height, total: this.pages?.total ?? 0 };
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Draws what is in sight, and asks for what is missing of it. */
  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.pages || !this.clientHeight) return;
    this.#height = /** @type {HTMLElement} */ (this.find(".probe")).offsetHeight || 1;
    const { pages } = this;
    const body = /** @type {HTMLElement} */ (this.find(".body"));
    body.style.height = `${pages.total * this.#height}px`;
    this.ariaRowCount = String(pages.known ? pages.total + 1 : -1);
    this.current = Math.max(0, Math.min(this.current, pages.total - 1));
    const { first, last } = drawn(this.#view);
    const wanted = new Set(Array.from({ length: last - first }, (_, place) => first + place));
    for (const pinned of [this.current, this.#editing?.index]) if (pinned !== undefined && pinned < pages.total) wanted.add(pinned);
    for (const [index, { row }] of this.#rows) {
      if (wanted.has(index)) continue;
      row.remove();
      this.#rows.delete(index);
    }
    let before = /** @type {Element | null} */ (body.firstElementChild);
    for (const index of [...wanted].sort((a, b) => a - b)) {
      const row = this.#row(index);
      if (row === before) before = row.nextElementSibling;
      else body.insertBefore(row, before);
    }
    if (!pages.error && pages.rows.length < Math.min(last + AHEAD, pages.total)) void pages.want(last + AHEAD);
  }

  /** @param {number} index */
  #row(index) {
    const steer = this.pages?.rows[index];
    let one = this.#rows.get(index);
    if (!one) {
      one = { row: empty(index), steer: undefined };
      this.#rows.set(index, one);
    }
    const { row } = one;
    row.style.transform = `translateY(${index * this.#height}px)`;
    row.classList.toggle("current", index === this.current);
    if (steer && steer !== one.steer && this.#editing?.index !== index) {
      const inside = row.contains(document.activeElement);
      fill(row, steer, this.picked.has(keyOf(steer)));
      one.steer = steer;
      if (inside && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
    } else if (steer) mark(row, this.picked.has(keyOf(steer)));
    for (const [place, cell] of [...row.children].entries()) /** @type {HTMLElement} */ (cell).tabIndex = index === this.current && place === this.#column ? 0 : -1;
    row.tabIndex = index === this.current && this.#column < 0 ? 0 : -1;
    return row;
  }

  /** Forgets the rows: other steers come in their places. */
  reset() {
    this.#editing?.editor.remove();
    this.#editing = null;
    for (const { row } of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.#column = -1;
    this.#from = this.current = 0;
    this.scrollTop = 0;
    this.draw();
  }

  /**
   * Makes a row the current one, in sight, with the focus.
   * @param {number} index
   * @param {{column?: number, range?: boolean}} [how]
   */
  go(index, { column = this.#column, range = false } = {}) {
    const total = this.pages?.total ?? 0;
    if (!total) return;
    this.current = Math.max(0, Math.min(index, total - 1));
    this.#column = column;
    if (!range) this.#from = this.current;
    this.scrollTop = reached(this.current, this.#view);
    this.draw();
    const row = this.#rows.get(this.current)?.row;
    const target = column < 0 ? row : /** @type {HTMLElement | undefined} */ (row?.children[column]);
    target?.focus({ preventScroll: true });
  }

  /** Whether a key is for the table: pressed within it, or nowhere in particular. @param {KeyboardEvent} event */
  #here({ target }) {
    if (!(target instanceof Node) || target instanceof HTMLInputElement) return false;
    return this.contains(target) || target === document.body || target === this.closest("main");
  }

  /** The column right (1) or left (-1) of the present one, of those that are shown; -1 is the row. @param {1 | -1} direction */
  #beside(direction) {
    const cells = this.#rows.get(this.current)?.row.children ?? [];
    const shown = COLUMNS.map((_, column) => column).filter((column) => cells[column]?.getClientRects().length);
    const next = direction > 0 ? shown.find((column) => column > this.#column) : shown.findLast((column) => column < this.#column);
    return next ?? (direction > 0 ? this.#column : -1);
  }

  #enter() {
    const name = COLUMNS[this.#column]?.name;
    if (name === "reason" || name === "tags" || name === "serves" || name === "weight") this.edit(name);
    else if (name === "pick") this.#pick(this.current, false);
    else this.#act("open");
  }

  /** @param {"open" | "aside"} act */
  #act(act) {
    if (this.steer) this.dispatchEvent(new CustomEvent(act, { detail: this.steer }));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.target instanceof Element && event.target.closest("mc-steer-editor, .head")) return;
    const page = screenful(this.#view);
    const last = (this.pages?.total ?? 1) - 1;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    /** @type {Record<string, () => void>} */
    const moves = {
      Home: () => this.go(0),
      End: () => this.go(last),
      PageUp: () => this.go(this.current - page),
      PageDown: () => this.go(this.current + page),
      ArrowRight: () => this.go(this.current, { column: this.#beside(1) }),
      ArrowLeft: () => this.go(this.current, { column: this.#beside(-1) }),
    };
    const step = event.shiftKey ? { ArrowDown: 1, ArrowUp: -1 }[event.key] : undefined;
    if (step && plain) {
      this.go(this.current + step, { range: true });
      this.#pick(this.current, true);
    } else if (moves[event.key] && !event.altKey && !event.shiftKey) moves[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {EventTarget | null} target */
  #focused(target) {
    const row = target instanceof Element ? target.closest(".body > .row") : null;
    const found = [...this.#rows].find(([, own]) => own.row === row);
    if (!found || found[0] === this.current) return;
    this.#from = this.current = found[0];
    this.draw();
  }

  /** @param {MouseEvent} event @param {boolean} [twice] */
  #clicked(event, twice = false) {
    if (!(event.target instanceof Element) || event.target.closest("mc-steer-editor, .head")) return;
    const row = event.target.closest(".body > .row");
    const index = [...this.#rows].find(([, own]) => own.row === row)?.[0];
    if (index === undefined) return;
    const name = COLUMNS[[...(row?.children ?? [])].indexOf(/** @type {Element} */ (event.target.closest(".cell")))]?.name;
    const act = /** @type {HTMLElement | null} */ (event.target.closest("[data-act]"))?.dataset.act;
    if (name === "pick") {
      const range = event.shiftKey;
      this.go(index, { column: -1, range });
      return this.#pick(index, range);
    }
    if (document.activeElement?.closest("mc-steer-editor") && !row?.contains(document.activeElement)) return; // it is being kept
    this.go(index, { column: -1 });
    if (act === "open" || act === "aside") this.#act(act);
    else if (name === "reason" || name === "tags" || name === "serves" || name === "weight") this.edit(name);
    else if (twice) this.#act("open");
  }

  /**
   * Takes a row to those that are changed together, or out of them; or all from the last one to it.
   * @param {number} index
   * @param {boolean} range
   */
  #pick(index, range) {
    const rows = this.pages?.rows ?? [];
    const [first, last] = range ? [Math.min(this.#from, index), Math.max(this.#from, index)] : [index, index];
    const keys = rows.slice(first, last + 1).map(keyOf);
    const take = range || !this.picked.has(keys[0]);
    for (const key of keys) take ? this.picked.add(key) : this.picked.delete(key);
    this.pickedChanged();
  }

  pickedChanged() {
    const box = /** @type {HTMLInputElement} */ (this.find(".head input"));
    box.checked = this.picked.size > 0 && this.picked.size === this.pages?.total;
    box.indeterminate = this.picked.size > 0 && !box.checked;
    this.draw();
    this.dispatchEvent(new CustomEvent("picked"));
  }

  /** Opens a field in the current row. @param {Part} what */
  edit(what) {
    const steer = this.steer;
    const index = this.current;
    const row = this.#rows.get(index)?.row;
    if (!steer || !row || this.#editing) return;
    const editor = new SteerEditor();
    Object.assign(editor, { what, steer, keep: (/** @type {T.SteerChange} */ change) => this.change(steer, change) });
    editor.addEventListener("done", () => this.#edited(index));
    this.#editing = { index, editor };
    row.classList.add("editing");
    row.children[COLUMNS.findIndex(({ name }) => name === what)].replaceChildren(editor);
  }

  /** @param {number} index */
  #edited(index) {
    const one = this.#rows.get(index);
    const inside = one?.row.contains(document.activeElement) || document.activeElement === document.body;
    this.#editing = null;
    one?.row.classList.remove("editing");
    if (one) one.steer = undefined; // to be filled again
    if (inside) this.go(this.current);
    else this.draw();
  }
}

customElements.define("mc-steer-grid", SteerGrid);
