// @ts-check
/** The bar below the answer: what the model is doing and how fast it went on, what to do with the whole, what shading means. */

import { doing, resumed } from "../answer/status.js";
import { legend } from "../answer/shading.js";
import { h, icon } from "../dom.js";
import { prefer } from "../effects.js";
import { Piece } from "../element.js";
import { keyFor } from "../keys.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {Trace} from "../trace.js" */
/** @import * as T from "../types.d.ts" */

/** @type {[T.Preferences["shading"], string][]} */
const SHADINGS = [
  ["sure", "How sure"],
  ["source", "Who wrote"],
  ["off", "Off"],
];

export class AnswerBar extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #doing = h("span", { class: "doing" });
  #resumed = h("span", { class: "resumed muted numbers" });
  #go = h("button", { type: "button", class: "button" });
  #undo = this.#tool("undo", "Undo", "undo", () => void this.steering.undo());
  #redo = this.#tool("redo", "Redo", "redo", () => void this.steering.redo());
  #again = this.#tool("again", "Write again from here", "regenerate", () => void this.steering.regenerate());
  #legend = h("span", { class: "legend" });
  #choice = h("select", { class: "input shading", "aria-label": "Shade the tokens by" }, ...SHADINGS.map(([value, text]) => h("option", { value }, text)));
  #shown = "";

  connected() {
    this.replaceChildren(
      h("div", { class: "buttons" }, this.#go, this.#undo, this.#redo, this.#again),
      h("div", { class: "status" }, this.#doing, this.#resumed),
      h("div", { class: "shades" }, this.#legend, this.#choice),
    );
    this.listen(this.#go, "click", () => (this.steering.writing ? this.steering.halt() : void this.steering.goOn()));
    this.listen(this.#choice, "change", () => void prefer({ shading: /** @type {T.Preferences["shading"]} */ (this.#choice.value) }));
    this.watch(
      ({ trace }) => trace,
      (trace) => trace && this.#show(trace),
    );
    this.watch(
      ({ preferences }) => preferences,
      ({ shading, unlikely }) => {
        this.#choice.value = shading;
        this.#legend.replaceChildren(...samples(shading, unlikely));
      },
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

/** What the shades mean. @param {T.Preferences["shading"]} shading @param {number} unlikely */
function samples(shading, unlikely) {
  const sample = (/** @type {string} */ marks, /** @type {number} */ level, /** @type {string} */ text) =>
    h("span", { class: "sample" }, h("span", { class: `t ${marks}`, dataset: { level: String(level) } }, "abc"), text);
  if (shading === "sure") return legend(unlikely).map(({ level, text }) => sample("model", level, text));
  if (shading === "source") return [sample("human", 0, "by hand"), sample("teacher", 0, "by a teacher"), sample("import", 0, "imported")];
  return [];
}

customElements.define("mc-answer-bar", AnswerBar);
