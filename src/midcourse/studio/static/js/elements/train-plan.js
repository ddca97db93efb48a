// @ts-check
/**
 * What a training would be, beside its form: how many steers, the command that does the same, what stands against it, and
 * the button that starts it. Dispatches `start`.
 */

import { h, icon } from "../dom.js";
import { announce } from "../announce.js";
import { Piece } from "../element.js";
import { named } from "../form.js";
import { count } from "../words.js";

/** @import * as T from "../types.d.ts" */

export class TrainPlan extends Piece {
  /** @type {T.ProblemView[]} */
  #problems = [];
  #ready = false;

  connected() {
    if (this.firstChild) return;
    this.role = "region";
    this.ariaLabel = "What this will do";
    this.replaceChildren(
      h("h2", {}, "What this will do"),
      h("dl", { class: "counts" }),
      h("div", { class: "problems", role: "status" }),
      h("div", { class: "command" }, h("h3", {}, "The command that does the same"), h("pre", { tabindex: "0", "aria-label": "The command that does the same" }, h("code", {}, "…")), copy(() => this.find("code").textContent ?? "")),
      h("button", { type: "button", class: "button primary start", "aria-disabled": "true", onclick: () => this.#start() }, icon("play"), "Start training"),
      h("p", { class: "help" }, "It runs beside the studio, which can be used meanwhile; it can be stopped, and goes on where it was."),
    );
  }

  /** Something has changed; what is said may be true no longer. */
  wait() {
    if (!this.firstChild) return;
    this.classList.add("waiting");
    this.ariaBusy = "true";
  }

  /** @param {T.Plan} plan */
  show({ command, traces, steers, held_out, tokens, problems, notices }) {
    this.#came(problems);
    const row = (/** @type {string} */ name, /** @type {string} */ value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    this.find(".counts").replaceChildren(
      row("Steers", count(steers)),
      row("of these held out", count(held_out)),
      row("in answers", count(traces)),
      ...(tokens === null ? [] : [row("Tokens", count(tokens))]),
    );
    this.#say(problems, notices);
    this.find("code").textContent = command;
  }

  /** @param {T.ProblemView[]} problems @param {string | null} message */
  refuse(problems, message) {
    this.#came(problems.length ? problems : [{ message: message ?? "", field: null, where: null, line: null }]);
    this.#say(this.#problems, []);
  }

  /** @param {T.ProblemView[]} problems */
  #came(problems) {
    this.classList.remove("waiting");
    this.ariaBusy = "false";
    this.#problems = problems;
    this.#ready = problems.length === 0;
    this.find(".start").ariaDisabled = String(!this.#ready);
  }

  /** @param {T.ProblemView[]} problems @param {string[]} notices */
  #say(problems, notices) {
    const list = (/** @type {string} */ kind, /** @type {string} */ title, /** @type {string[]} */ texts) =>
      texts.length ? [h("div", { class: kind }, h("h3", {}, title), h("ul", {}, texts.map((text) => h("li", {}, text))))] : [];
    const said = problems.map(({ field, message }) => (field && field !== "select" ? `${named(field.split(".").at(-1) ?? "")}: ${message}` : message));
    this.find(".problems").replaceChildren(...list("fault", "It cannot start yet", said), ...list("notice", "To know", notices));
  }

  #start() {
    if (this.classList.contains("waiting")) return;
    if (this.#ready) this.dispatchEvent(new CustomEvent("start"));
    else announce(`It cannot start yet: ${this.#problems.map(({ message }) => message).join("; ")}`, "assertive");
  }
}

/**
 * A button that takes a text along.
 * @param {() => string} text
 */
export function copy(text) {
  const button = h("button", { type: "button", class: "button plain copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
      announce("Copied");
    } catch {
      button.textContent = "Select it and press Ctrl+C"; // the browser does not let pages write to the clipboard
    }
    setTimeout(() => (button.textContent = "Copy"), 2500);
  });
  return button;
}

customElements.define("mc-train-plan", TrainPlan);
