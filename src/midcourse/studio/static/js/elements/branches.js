// @ts-check
/** The tree of the answer as an outline: each fork with its ways on, the present one marked, the others one click away. */

import { outline } from "../answer/outline.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {Trace} from "../trace.js" */

export class Branches extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #shown = "";

  connected() {
    this.#shown = "";
    this.watch(
      ({ trace }) => trace,
      (trace) => trace && this.#show(trace),
    );
  }

  /** @param {Trace} trace */
  #show(trace) {
    // While the model writes, only the counts at the end would change.
    const shown = `${trace.id} ${trace.version} ${JSON.stringify(trace.forks)}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const forks = outline(trace);
    if (!forks.length)
      return this.replaceChildren(h("p", { class: "muted small" }, "One way so far. Whatever you correct, write again or undo stays here as a branch: nothing is ever destroyed."));
    const focused = this.contains(document.activeElement) ? document.activeElement?.getAttribute("data-way") : null;
    this.replaceChildren(h("ol", { class: "forks" }, ...forks.map((fork) => this.#fork(fork))));
    if (focused) /** @type {HTMLElement | null} */ (this.querySelector(`[data-way="${focused}"]`))?.focus();
  }

  /** @param {import("../answer/outline.js").Fork} fork */
  #fork({ depth, context, ways }) {
    const go = () => this.dispatchEvent(new CustomEvent("goto", { detail: depth, bubbles: true }));
    return h(
      "li",
      {},
      h("button", { type: "button", class: "after cut", onclick: go }, depth === 0 ? "From the beginning" : `… ${context}`),
      h(
        "ul",
        { class: "ways-on" },
        ...ways.map((way) =>
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", class: "way", "aria-current": way.current ? "true" : null, dataset: { way: `${depth}-${way.number}` }, onclick: () => void (way.current ? go() : this.steering.goTo(way.goto)) },
              h("span", { class: "sign" }, way.current ? icon("check") : ""),
              h("span", { class: "begins cut" }, way.text),
              h("span", { class: "about numbers" }, way.about, way.steer !== null && h("span", { class: "steer" }, ` · steer${way.steer && `: ${way.steer}`}`)),
            ),
          ),
        ),
      ),
    );
  }
}

customElements.define("mc-branches", Branches);
