// @ts-check
/**
 * The rows of the list: of thousands, those that can be seen are in the document, and the one with the focus.
 *
 * Every row is as high as the others (`--row`), so that its place is its number times that height. Tens of thousands fit
 * what browsers allow.
 */

import { words } from "../asked.js";
import { h } from "../dom.js";
import { filterTraces, moreTraces, reloadTraces } from "../effects.js";
import { Piece } from "../element.js";
import { ago, counted, line } from "../format.js";
import { address } from "../router.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */

const SPARE = 6; // rows beyond each edge
const AHEAD = 60; // so many rows before the end, the next page is asked for

class TraceRows extends Piece {
  /** @type {Map<number, {row: T.TraceRowView, current: boolean, element: HTMLElement}>} by place */
  #drawn = new Map();
  #height = 64;
  #list = h("ul", { class: "rows", "aria-label": "Conversations" });
  #foot = h("div", { class: "foot" });
  #planned = 0;

  connected() {
    this.replaceChildren(this.#list, this.#foot);
    this.#drawn.clear();
    this.#list.replaceChildren();
    const plan = () => (this.#planned ||= requestAnimationFrame(() => this.#draw()));
    this.watch(
      ({ list }) => list,
      () => plan(),
    );
    this.watch(
      ({ route }) => route.id,
      () => plan(),
    );
    this.listen(this, "scroll", plan);
    const sizes = new ResizeObserver(plan);
    sizes.observe(this);
    this.signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.#planned);
      this.#planned = 0;
    });
    this.listen(this, "keydown", (event) => this.#walk(event));
  }

  #draw() {
    this.#planned = 0;
    const { list, route } = store.state;
    // What was found before is no answer to a question that failed.
    const rows = list.error && !list.ready ? [] : list.rows;
    this.#height = Number.parseFloat(getComputedStyle(this).getPropertyValue("--row")) || this.#height;
    this.#list.style.blockSize = `${rows.length * this.#height}px`;
    const first = Math.max(0, Math.floor(this.scrollTop / this.#height) - SPARE);
    const last = Math.min(rows.length, Math.ceil((this.scrollTop + this.clientHeight) / this.#height) + SPARE);
    const wanted = new Set(Array.from({ length: Math.max(0, last - first) }, (_, at) => first + at));
    for (const [place, { element }] of this.#drawn) if (element.contains(document.activeElement) && place < rows.length) wanted.add(place);
    for (const [place, { element }] of this.#drawn) {
      if (wanted.has(place)) continue;
      element.remove();
      this.#drawn.delete(place);
    }
    for (const place of [...wanted].sort((a, b) => a - b)) this.#place(place, rows[place], rows[place].id === route.id);
    for (const { element } of this.#drawn.values()) element.setAttribute("aria-setsize", String(list.next ? -1 : rows.length));
    this.#foot.replaceChildren(...this.#ending());
    if (last > rows.length - AHEAD && !list.error) void moreTraces();
  }

  /** @param {number} place @param {T.TraceRowView} row @param {boolean} current */
  #place(place, row, current) {
    const drawn = this.#drawn.get(place);
    if (drawn?.row === row && drawn.current === current) return;
    const element = this.#row(row, current);
    element.setAttribute("aria-posinset", String(place + 1));
    element.style.transform = `translateY(${place * this.#height}px)`;
    const focused = drawn?.element.contains(document.activeElement);
    if (drawn) drawn.element.replaceWith(element);
    else this.#before(place, element);
    if (focused) element.querySelector("a")?.focus();
    this.#drawn.set(place, { row, current, element });
  }

  /** Puts it where it is in order, for those who read or tab through the document. @param {number} place @param {HTMLElement} element */
  #before(place, element) {
    const later = [...this.#drawn.keys()].filter((other) => other > place);
    const next = later.length ? this.#drawn.get(Math.min(...later)) : undefined;
    this.#list.insertBefore(element, next?.element ?? null);
  }

  /** @param {T.TraceRowView} row @param {boolean} current */
  #row({ id, title, answer, steers, tags, attributes, created, writing }, current) {
    const what = [steers > 0 && counted(steers, "steer"), ...words(attributes), ...tags.map((tag) => `#${tag}`)].filter(Boolean).join(" · ");
    return h(
      "li",
      {},
      h(
        "a",
        { href: address("steer", id), "aria-current": current && "true", draggable: "false" },
        h("span", { class: "head" }, h("b", { class: "cut" }, line(title) || "Without words"), h("time", { datetime: created }, ago(created))),
        h(
          "span",
          { class: "foot" },
          writing && h("span", { class: "writing" }, "Writing"),
          what && h("span", { class: ["steers", "cut", Object.keys(attributes).length > 0 && "asked"] }, what),
          h("span", { class: "cut" }, answer ? line(answer) : writing || what ? "" : "Nothing written yet"),
        ),
      ),
    );
  }

  /** What stands below the rows. */
  #ending() {
    const { rows, ready, loading, error, filter } = store.state.list;
    if (error) {
      return [h("p", { role: "alert" }, error), h("button", { type: "button", class: "button", onclick: () => void reloadTraces() }, "Try again")];
    }
    if (!ready && !rows.length) return Array.from({ length: 6 }, () => h("div", { class: "ghost", "aria-hidden": "true" }));
    if (loading && rows.length) return [];
    if (rows.length) return [];
    if (Object.values(filter).some((value) => value !== undefined)) {
      return [h("p", {}, "No conversation is like that."), h("button", { type: "button", class: "button", onclick: clear }, "Show all")];
    }
    return ready ? [h("p", {}, "Your conversations will be here.")] : [];
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, PageDown: 8, PageUp: -8 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const now = [...this.#drawn].find(([, { element }]) => element.contains(document.activeElement));
    if (!now) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "ArrowUp" && now[0] === 0) return void document.getElementById("search")?.focus();
    const place = Math.max(0, Math.min(store.state.list.rows.length - 1, now[0] + step));
    const top = place * this.#height;
    if (top < this.scrollTop) this.scrollTop = top;
    if (top + this.#height > this.scrollTop + this.clientHeight) this.scrollTop = top + this.#height - this.clientHeight;
    this.#draw();
    this.#drawn.get(place)?.element.querySelector("a")?.focus({ preventScroll: true });
  }
}

function clear() {
  const search = /** @type {HTMLInputElement | null} */ (document.getElementById("search"));
  if (search) search.value = "";
  void filterTraces({});
}

customElements.define("mc-trace-rows", TraceRows);
