// @ts-check
/** The bar below the answer: what the model is doing and how fast it went on, and what to do with the whole. */

import { doing, resumed } from "../answer/status.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { keyFor } from "../keys.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {Trace} from "../trace.js" */

export class AnswerBar extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #doing = h("span", { class: "doing" });
  #resumed = h("span", { class: "resumed muted numbers" });
  #go = h("button", { type: "button", class: "button" });
  #undo = this.#tool("undo", "Undo", "undo", () => void this.steering.undo());
  #redo = this.#tool("redo", "Redo", "redo", () => void this.steering.redo());
  #again = this.#tool("again", "Write again from here", "regenerate", () => void this.steering.regenerate());
  #shown = "";

  connected() {
    this.replaceChildren(
      h("div", { class: "buttons" }, this.#go, this.#undo, this.#redo, this.#again),
      h("div", { class: "status" }, this.#doing, this.#resumed),
    );
    this.listen(this.#go, "click", () => (this.steering.writing ? this.steering.halt() : void this.steering.goOn()));
    this.watch(
      ({ trace }) => trace,
      (trace) => trace && this.#show(trace),
    );
  }

  /** @param {"undo" | "redo" | "again"} name @param {string} says @param {string} action @param {() => void} run */
  #tool(name, says, action, run) {
    return h("button", { type: "button", class: "button plain only-icon", "aria-label": says, "data-tip-up": `${says} (${keyFor(action)})`, onclick: run }, icon(name));
  }

  /** @param {Trace} trace */
  #show({ run, can_undo, can_redo, ended, readonly, tokens }) {
    const writing = run.state !== "idle";
    const shown = [run.state, can_undo, can_redo, ended, readonly, tokens.length > 0, doing(run), resumed(run)].join("|");
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#doing.textContent = doing(run);
    this.#doing.classList.toggle("failed", !writing && run.ended === "failed");
    this.#resumed.textContent = resumed(run);
    this.#go.replaceChildren(icon(writing ? "stop" : "play"), writing ? "Stop" : tokens.length ? "Go on" : "Write", h("kbd", { "aria-hidden": "true" }, keyFor(writing ? "stop" : "correct")));
    this.#go.disabled = Boolean(readonly) || (!writing && ended);
    this.#undo.disabled = !can_undo || Boolean(readonly);
    this.#redo.disabled = !can_redo || Boolean(readonly);
    this.#again.disabled = Boolean(readonly) || !tokens.length;
    this.toggleAttribute("data-writing", writing);
  }
}

customElements.define("mc-answer-bar", AnswerBar);
