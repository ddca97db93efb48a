// @ts-check
/**
 * One prompt and what both sides answer, side by side. While a side writes, its tokens are added; once both have, each token
 * is marked by what the other side thinks of it: above the line where it is likelier there, below where it is less likely.
 * The pointer, or the arrow keys, lead to the numbers of a token.
 */

import { change, says, tally } from "../change.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { is } from "../keys.js";
import { many } from "../words.js";

/** @import {Compared, Side, SideName} from "../comparison.js" */

const NAMES = /** @type {const} */ (["left", "right"]);

export class ComparedPrompt extends Piece {
  /** How the sides are called. */
  names = { left: "Left", right: "Right" };
  /** @type {Compared | null} */
  #shown = null;

  connected() {
    if (this.firstChild) return;
    const side = (/** @type {SideName} */ name) =>
      h("section", { class: "side", dataset: { side: name }, "aria-label": this.names[name] },
        h("h2", {}, this.names[name], h("span", { class: "muted small numbers tally" })),
        h("div", { class: "said answer", tabindex: "0", role: "group", "aria-label": `Answer of ${this.names[name]}: arrow keys lead through its tokens` }),
      );
    this.replaceChildren(h("p", { class: "question said" }), h("p", { class: "fault", role: "alert", hidden: true }), h("div", { class: "sides" }, NAMES.map(side)), h("p", { class: "reading small numbers", role: "status" }));
    this.addEventListener("pointerover", ({ target }) => target instanceof HTMLElement && target.dataset.at && this.#read(target));
    this.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {Compared} compared */
  show(compared) {
    const before = this.#shown;
    this.#shown = compared;
    if (before?.text !== compared.text) this.find(".question").textContent = compared.text;
    const fault = /** @type {HTMLElement} */ (this.find(".fault"));
    fault.hidden = compared.error === null;
    if (fault.textContent !== (compared.error ?? "")) fault.textContent = compared.error;
    const nothing = compared.error !== null && NAMES.every((name) => !compared[name].tokens.length);
    /** @type {HTMLElement} */ (this.find(".sides")).hidden = nothing;
    for (const name of NAMES) if (before?.[name] !== compared[name]) this.#side(name, compared[name], before?.[name]);
  }

  /** @param {SideName} name @param {Side} side @param {Side | undefined} before */
  #side(name, side, before) {
    const place = this.find(`[data-side=${name}] .answer`);
    if (side.whole || !before) place.replaceChildren();
    const from = side.whole || !before ? 0 : before.tokens.length;
    for (const [at, token] of side.tokens.entries()) {
      if (at < from) continue;
      const { direction, step } = change(token);
      const span = h("span", { class: ["judged", direction, step && `step-${step}`], dataset: { at: String(at) } }, token.ends ? " ∎" : token.text);
      place.append(span);
    }
    const { tokens, known, likelier, less } = tally(side.tokens);
    const marked = known ? ` · ${likelier} likelier, ${less} less likely in the other` : "";
    this.find(`[data-side=${name}] .tally`).textContent = tokens ? `${many(tokens, "token")}${marked}` : "";
  }

  /** Shows the numbers of a token. @param {HTMLElement} token */
  #read(token) {
    const name = /** @type {SideName} */ (/** @type {HTMLElement} */ (token.closest(".side")).dataset.side);
    const found = this.#shown?.[name].tokens[Number(token.dataset.at)];
    if (!found) return;
    for (const other of this.querySelectorAll(".judged.pointed")) other.classList.remove("pointed");
    token.classList.add("pointed");
    const shown = found.ends ? "end of the answer" : `“${found.text.replaceAll("\n", "↵")}”`;
    this.find(".reading").textContent = `${shown} · ${says(found, this.names[name], this.names[name === "left" ? "right" : "left"])}`;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const place = event.target instanceof Element ? event.target.closest(".answer") : null;
    if (!place) return;
    const all = /** @type {HTMLElement[]} */ ([...place.children]);
    const at = all.findIndex((token) => token.classList.contains("pointed"));
    const marked = (/** @type {HTMLElement} */ token) => /step-/.test(token.className);
    /** @type {HTMLElement | undefined} */
    let next;
    if (is(event, "unlikely")) next = all.slice(at + 1).find(marked);
    else if (is(event, "unlikely-before")) next = all.slice(0, Math.max(at, 0)).findLast(marked);
    else if (event.key === "ArrowRight") next = all[Math.min(at + 1, all.length - 1)];
    else if (event.key === "ArrowLeft") next = all[Math.max(at - 1, 0)];
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all.at(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    this.#read(next);
    next.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("mc-compared-prompt", ComparedPrompt);
