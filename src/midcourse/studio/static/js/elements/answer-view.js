// @ts-check
/** One conversation with its answer, as the store has it: `state.trace` is there while this element is. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

class AnswerView extends Piece {
  connected() {
    this.watch(
      ({ trace }) => trace?.tokens,
      (tokens) => this.replaceChildren(h("div", { class: "page said" }, tokens?.map(({ text }) => text).join("") ?? "")),
    );
  }
}

customElements.define("mc-answer-view", AnswerView);
