// @ts-check
/** To come. */

import { Piece } from "../element.js";

class TraceList extends Piece {}

customElements.define("mc-trace-list", TraceList);
