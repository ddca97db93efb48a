// @ts-check
/** To come. */

import { Piece } from "../element.js";

class HelpSheet extends Piece {}

customElements.define("mc-help-sheet", HelpSheet);
