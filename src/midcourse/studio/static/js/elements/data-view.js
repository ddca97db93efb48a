// @ts-check
/** The data view. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

class DataView extends Piece {
  connected() {
    this.replaceChildren(h("div", { class: "page" }, h("h1", {}, "Data")));
  }
}

customElements.define("mc-data-view", DataView);
