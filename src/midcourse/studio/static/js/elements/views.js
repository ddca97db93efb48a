// @ts-check
/**
 * The place of the views: makes each when it is first gone to, and keeps it, hidden, afterwards, with all that was typed,
 * scrolled and drawn in it. A view that has `shown()` is told each time that it appears.
 */

import "./compare-view.js";
import "./data-view.js";
import "./review-view.js";
import "./steer-view.js";
import "./train-view.js";
import { Piece } from "../element.js";
import { VIEWS, go } from "../router.js";

/** @import {ViewName} from "../state.js" */
/** @typedef {HTMLElement & {shown?: () => void}} View */

class Views extends Piece {
  /** @type {Map<ViewName, View>} */
  #views = new Map();

  connected() {
    this.watch(
      ({ route }) => route.view,
      (view) => this.#show(view),
    );
    this.keys(Object.fromEntries(VIEWS.map(({ view }) => [`view-${view}`, () => go(view)])));
  }

  /** @param {ViewName} name */
  #show(name) {
    let view = this.#views.get(name);
    if (!view) {
      view = document.createElement(`mc-${name}-view`);
      this.#views.set(name, view);
      this.append(view);
    }
    for (const [other, element] of this.#views) element.hidden = other !== name;
    document.title = `${VIEWS.find((one) => one.view === name)?.label} · Midcourse`;
    view.shown?.();
  }
}

customElements.define("mc-views", Views);
