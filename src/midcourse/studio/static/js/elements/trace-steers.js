// @ts-check
/**
 * The steers of this conversation: what was put instead of what, where; reason, tags, weight and what they serve; set aside,
 * never deleted.
 *
 * Those of branches that were left are listed, too, and said to count: they train like the others.
 */

import "./steer-about.js";
import * as api from "../api.js";
import { steerLine } from "../answer/outline.js";
import { counted } from "../answer/words.js";
import { h } from "../dom.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { attributes } from "../serves.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */
/** @import {Steering} from "../answer/steering.js" */
/** @import {SteerAbout} from "./steer-about.js" */

const PAUSE = 600; // milliseconds after typing until it is kept

export class TraceSteers extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  /** @type {Map<number, {element: HTMLLIElement, about: SteerAbout, shown: string}>} by number */
  #rows = new Map();
  #list = h("ol", { class: "steers" });
  #none = h("p", { class: "muted small" }, "No steers yet. Point at a word where the answer goes off track, press Enter, and type what it should say.");
  #summary = h("p", { class: "muted small" });
  /** @type {Map<number, {timer: ReturnType<typeof setTimeout>, change: T.SteerChange}>} what is typed and not kept yet */
  #typed = new Map();
  /** The trace that the rows belong to: what is typed last is kept after the page has left it. */
  #trace = "";

  connected() {
    this.#trace = this.steering.trace.id;
    this.replaceChildren(this.#summary, this.#none, this.#list);
    this.watch(
      ({ trace }) => trace?.steers,
      (steers) => steers && this.#show(steers),
    );
    this.signal.addEventListener("abort", () => [...this.#typed.keys()].forEach((number) => this.#keep(number)));
  }

  /** @param {T.SteerView[]} steers */
  #show(steers) {
    this.#none.hidden = steers.length > 0;
    const aside = steers.filter((steer) => steer.aside).length;
    const left = steers.filter((steer) => !steer.on_path && !steer.aside).length;
    this.#summary.textContent = [
      counted(steers.length - aside, "steer trains", "steers train"),
      left && `${left} of them on other branches`,
      aside && `${aside} set aside`,
    ].filter(Boolean).join(", ");
    this.#summary.hidden = !steers.length;
    for (const steer of steers) {
      const row = this.#rows.get(steer.number);
      const shown = JSON.stringify({ ...steer, reason: "", tags: [], weight: 1, serves: [] });
      if (row && row.shown === shown) {
        this.#about(row.about, steer);
        continue;
      }
      const about = row?.about ?? /** @type {SteerAbout} */ (document.createElement("mc-steer-about"));
      const element = row?.element ?? h("li", {});
      const had = about.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
      element.replaceChildren(...this.#row(steer, about));
      element.classList.toggle("aside", steer.aside);
      element.classList.toggle("left", !steer.on_path);
      if (!row) {
        about.addEventListener("change", (event) => this.#changed(steer.number, /** @type {CustomEvent} */ (event).detail));
        this.#list.append(element);
      }
      this.#rows.set(steer.number, { element, about, shown });
      this.#about(about, steer);
      had?.focus();
    }
  }

  /** @param {SteerAbout} about @param {T.SteerView} steer */
  #about(about, { number, reason, tags, weight, serves }) {
    if (!this.#typed.has(number)) about.show({ reason: reason ?? "", tags, weight, serves });
    if (serves.length) about.hidden = false;
  }

  /** @param {T.SteerView} steer @param {SteerAbout} about */
  #row(steer, about) {
    const { kind, rejected, chosen } = steerLine(steer);
    const says = h(
      "button",
      { type: "button", class: "what", onclick: () => this.#goTo(steer) },
      unseen(`${kind}: `),
      ...rejected.flatMap((text) => [unseen(" not "), h("del", { class: "cut" }, text)]),
      unseen(rejected.length ? " but " : ""),
      chosen ? h("ins", {}, chosen) : h("span", { class: "muted" }, "marked, no correction"),
    );
    const chips = [
      steer.kind !== "correction" && h("span", { class: "chip" }, kind),
      !steer.on_path && h("span", { class: "chip on" }, "on another branch, still counts"),
      steer.aside && h("span", { class: "chip" }, "set aside: not trained on"),
    ].filter(Boolean);
    const small = (/** @type {string} */ text, /** @type {() => void} */ run) => h("button", { type: "button", class: "link small", onclick: run }, text);
    return [
      says,
      ...(chips.length ? [h("div", { class: "chips" }, chips)] : []),
      about,
      h(
        "div",
        { class: "doings" },
        small("Reason", () => about.focusOn("reason")),
        small("Tags", () => about.focusOn("tags")),
        attributes(store.state, steer.serves).length > 0 && small("Serves", () => about.focusOn("serves")),
        small(steer.aside ? "Take back in" : "Set aside", () => this.#send(steer.number, { aside: !steer.aside })),
      ),
    ];
  }

  /** @param {number} number @param {Partial<T.SteerChange> | undefined} change */
  #changed(number, change) {
    if (!change) return;
    const before = this.#typed.get(number);
    clearTimeout(before?.timer);
    const timer = setTimeout(() => this.#keep(number), PAUSE);
    this.#typed.set(number, { timer, change: { ...before?.change, ...change } });
    if (change.serves) this.#keep(number); // pressed, not typed
  }

  /** @param {number} number */
  #keep(number) {
    const typed = this.#typed.get(number);
    if (!typed) return;
    clearTimeout(typed.timer);
    this.#typed.delete(number);
    void this.#send(number, typed.change);
  }

  /** @param {number} number @param {T.SteerChange} change */
  #send(number, change) {
    return command("Change the steer", () => api.changeSteer(this.#trace, number, change));
  }

  /** @param {T.SteerView} steer */
  async #goTo(steer) {
    if (!steer.on_path) await this.steering.goTo(steer.goto);
    this.dispatchEvent(new CustomEvent("goto", { detail: Math.min(steer.start, store.state.trace?.tokens.length ?? 0), bubbles: true }));
  }

  /** @param {number} number @param {import("./steer-about.js").Part} part */
  edit(number, part) {
    const row = this.#rows.get(number);
    row?.element.scrollIntoView({ block: "nearest" });
    row?.about.focusOn(part);
  }
}

/** What colours and lines say to the eye. @param {string} text */
const unseen = (text) => h("span", { class: "unseen" }, text);

customElements.define("mc-trace-steers", TraceSteers);
