// @ts-check
/** The compare view. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

class CompareView extends Piece {
  connected() {
    this.replaceChildren(h("div", { class: "page" }, h("h1", {}, "Compare")));
  }
}

customElements.define("mc-compare-view", CompareView);
