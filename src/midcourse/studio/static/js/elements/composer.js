// @ts-check
/** To come. */

import { Piece } from "../element.js";

class Composer extends Piece {}

customElements.define("mc-composer", Composer);
