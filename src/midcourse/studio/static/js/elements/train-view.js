// @ts-check
/** The train view. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

class TrainView extends Piece {
  connected() {
    this.replaceChildren(h("div", { class: "page" }, h("h1", {}, "Train")));
  }
}

customElements.define("mc-train-view", TrainView);
