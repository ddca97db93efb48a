// @ts-check
/** The review view. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

class ReviewView extends Piece {
  connected() {
    this.replaceChildren(h("div", { class: "page" }, h("h1", {}, "Review")));
  }
}

customElements.define("mc-review-view", ReviewView);
