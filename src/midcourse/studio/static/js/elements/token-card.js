// @ts-check
/**
 * What is known of the token that the pointer rests on: its text, how sure the model was, who wrote it, what else it thought of.
 *
 * For the mouse alone: the same is in the correction line and in a token's name. An alternative is taken by one click.
 */

import { offered } from "../answer/draft.js";
import { named, percent, proposed, writer } from "../answer/words.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";

/** @import {Steering} from "../answer/steering.js" */

const MOST = 5;

export class TokenCard extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;

  connected() {
    this.hidden = true;
    this.listen(this, "pointerenter", () => clearTimeout(this.#leaving));
    this.listen(this, "pointerleave", () => (this.#leaving = setTimeout(() => this.hide(), 200)));
  }

  hide() {
    this.hidden = true;
  }

  /** @param {number} depth @param {HTMLElement} node of the token @param {HTMLElement} around within which it is placed */
  show(depth, node, around) {
    const { trace } = this.steering;
    const token = trace.tokens[depth];
    const others = (trace.alternatives[depth] ?? []).filter(({ id }) => id !== token.id).slice(0, MOST);
    this.replaceChildren(
      h(
        "div",
        { class: "of" },
        h("span", { class: "token" }, named(token)),
        token.logprob !== null && h("strong", { class: "numbers" }, percent(token.logprob)),
        h("span", { class: "muted" }, writer(token.source)),
      ),
      ...(trace.proposals?.proposals ?? []).filter((one) => one.depth === depth).map((one) => h("p", { class: "why" }, proposed(one))),
      ...others.map((one) => this.#other(one, depth)),
    );
    this.hidden = false;
    clearTimeout(this.#leaving);
    this.#place(node, around);
  }

  /** @param {import("../types.d.ts").AlternativeView} one @param {number} depth */
  #other(one, depth) {
    const { text, share, percent: sure } = offered(one);
    const bar = h("span", { class: "bar" });
    bar.style.setProperty("--share", share.toFixed(4));
    const take = () => {
      this.hide();
      void this.steering.steer("pick", { at: depth, token: one.id });
    };
    const given = { type: "button", class: "alternative", tabindex: -1, disabled: Boolean(this.steering.trace.readonly), title: `Keep as steer: “${text}” here` };
    return h("button", { ...given, onclick: take }, h("span", { class: "token" }, text), h("span", { class: "percent numbers" }, sure), bar);
  }

  /** Right below the token, so that the pointer can go there; above where there is no room. @param {HTMLElement} node @param {HTMLElement} around */
  #place(node, around) {
    const rects = node.getClientRects();
    const box = rects[rects.length - 1] ?? node.getBoundingClientRect();
    const outer = around.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this;
    const above = box.bottom + height > innerHeight - 60 && box.top - height > 60;
    this.style.left = `${Math.max(0, Math.min(box.left - outer.left - 10, outer.width - width))}px`;
    this.style.top = `${above ? box.top - outer.top - height - 1 : box.bottom - outer.top + 1}px`;
  }
}

customElements.define("mc-token-card", TokenCard);
