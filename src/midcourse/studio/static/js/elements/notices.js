// @ts-check
/** What happened, in a corner: what was done goes by itself, what failed stays until it is dismissed or repeated. */

import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { store } from "../store.js";

/** @import {Notice} from "../state.js" */

const STAYS = 6_000; // milliseconds

class Notices extends Piece {
  /** @type {Map<number, {element: HTMLElement, timer: number | undefined}>} */
  #shown = new Map();

  connected() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Notices");
    this.watch(
      ({ notices }) => notices,
      (notices) => this.#draw(notices),
    );
    // Who reads one keeps it.
    for (const type of ["pointerenter", "focusin"]) this.listen(this, type, () => this.#hold());
    for (const type of ["pointerleave", "focusout"]) this.listen(this, type, () => this.#release());
    this.signal.addEventListener("abort", () => this.#hold());
  }

  /** @param {Notice[]} notices */
  #draw(notices) {
    const ids = new Set(notices.map(({ id }) => id));
    for (const [id, { element, timer }] of this.#shown) {
      if (ids.has(id)) continue;
      clearTimeout(timer);
      element.remove();
      this.#shown.delete(id);
    }
    for (const notice of notices) {
      if (this.#shown.has(notice.id)) continue;
      const element = this.#make(notice);
      this.append(element);
      this.#shown.set(notice.id, { element, timer: undefined });
      announce(notice.text, notice.kind === "error" ? "assertive" : "polite");
    }
    if (!this.matches(":hover, :focus-within")) this.#release();
  }

  /** @param {Notice} notice */
  #make({ id, kind, text, problems, action }) {
    const dismiss = () => store.dispatch({ type: "dismiss", id });
    const act = () => {
      dismiss();
      action?.run();
    };
    const where = (/** @type {Notice["problems"][0]} */ { line, field }) => (line ? `Line ${line}: ` : field ? `${field}: ` : "");
    return h(
      "div",
      { class: ["notice", kind] },
      kind !== "info" && icon(kind === "done" ? "check" : "alert"),
      h(
        "div",
        { class: "text" },
        h("p", {}, text),
        problems.length > 0 && h("ul", {}, problems.slice(0, 4).map((problem) => h("li", {}, where(problem) + problem.message))),
        problems.length > 4 && h("p", { class: "muted" }, `and ${problems.length - 4} more`),
      ),
      action && h("button", { type: "button", class: "button", onclick: act }, action.verb),
      h("button", { type: "button", class: "button plain only-icon", "aria-label": "Dismiss", onclick: dismiss }, icon("close")),
    );
  }

  #hold() {
    for (const one of this.#shown.values()) {
      clearTimeout(one.timer);
      one.timer = undefined;
    }
  }

  #release() {
    for (const { id, kind } of store.state.notices) {
      const one = this.#shown.get(id);
      if (one && one.timer === undefined && kind !== "error") one.timer = setTimeout(() => store.dispatch({ type: "dismiss", id }), STAYS);
    }
  }
}

customElements.define("mc-notices", Notices);
