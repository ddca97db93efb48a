// @ts-check
/** To come. */

import { Piece } from "../element.js";

class Preferences extends Piece {}

customElements.define("mc-preferences", Preferences);
