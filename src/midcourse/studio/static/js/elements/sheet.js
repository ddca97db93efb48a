// @ts-check
/** The frame of a dialog: a title, a close button, a body. Esc and a click beside it close it. */

import { h, icon } from "../dom.js";
import { Piece } from "../element.js";

/** @import {Child} from "../dom.js" */

export class Sheet extends Piece {
  /** @type {HTMLDialogElement} */
  dialog = h("dialog", { class: "sheet" });

  /**
   * Builds the frame, closed.
   * @param {string} title
   * @param {...(Child | Child[])} body
   */
  frame(title, ...body) {
    const id = `${this.localName}-title`;
    const close = h("button", { type: "button", class: "button plain only-icon", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    this.dialog = h(
      "dialog",
      { class: "sheet", "aria-labelledby": id },
      h("header", {}, h("h2", { id }, title), close),
      h("div", { class: "body" }, ...body),
    );
    this.dialog.addEventListener("pointerdown", ({ target }) => target === this.dialog && this.dialog.close());
    this.replaceChildren(this.dialog);
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
