// @ts-check
/** To come. */

import { Piece } from "../element.js";

class Notices extends Piece {}

customElements.define("mc-notices", Notices);
