// @ts-check
/**
 * What all elements of the page share: they follow the store while they are in the document, and clean up after it.
 *
 * Light DOM, so that styles, labels and screen readers work as in any page. `connected` builds and subscribes; all that it
 * subscribes to ends with `signal` when the element leaves the document.
 */

import { bind } from "./keys.js";
import { store } from "./store.js";

/** @import {State} from "./state.js" */
/** @import {Handlers} from "./keys.js" */

export class Piece extends HTMLElement {
  /** @type {AbortController} */
  #life = new AbortController();

  /** Aborts when the element leaves the document. */
  get signal() {
    return this.#life.signal;
  }

  connectedCallback() {
    this.#life = new AbortController();
    this.connected();
  }

  disconnectedCallback() {
    this.#life.abort();
  }

  /** Builds the element and subscribes. Called each time it enters the document: use `replaceChildren`. */
  connected() {}

  /**
   * Calls `show` now and whenever what `select` picks changes (`===`).
   * @template A
   * @param {(state: State) => A} select
   * @param {(value: A, before: A | undefined) => void} show
   */
  watch(select, show) {
    store.watch(select, show, this.signal);
  }

  /**
   * Listens to something outside of the element.
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: any) => void} listener
   */
  listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.signal });
  }

  /**
   * Answers keys by the names of their actions (actions.js), while the element is visible.
   * @param {Handlers} handlers
   */
  keys(handlers) {
    bind(this, handlers, this.signal);
  }

  /**
   * @template {Element} A
   * @param {string} selector
   * @returns {A} the one that is within this element
   */
  find(selector) {
    const found = this.querySelector(selector);
    if (!found) throw new Error(`${this.localName} has no ${selector}`);
    return /** @type {A} */ (found);
  }
}
