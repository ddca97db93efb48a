// @ts-check
/** To come. */

import { Piece } from "../element.js";

class TopBar extends Piece {}

customElements.define("mc-top-bar", TopBar);
