// @ts-check
/**
 * Says that the server is gone, once it has been for a moment, and that it is back. What is typed stays where it is.
 */

import { announce } from "../announce.js";
import { retry } from "../connection.js";
import { h, nodes } from "../dom.js";
import { Piece } from "../element.js";

const MOMENT = 1_000; // milliseconds; a reload of the server is no news

class ConnectionBar extends Piece {
  /** @type {number | undefined} */
  #timer;

  connected() {
    this.hidden = true;
    this.watch(
      ({ connection }) => connection,
      (now) => {
        clearTimeout(this.#timer);
        if (now === "open") this.#back();
        else if (now === "refused") this.#say("This studio is locked. Open it with the address that it printed in the terminal.", false);
        else this.#timer = setTimeout(() => this.#gone(), MOMENT);
      },
    );
    this.signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  #gone() {
    this.#say("The studio’s server does not answer. Trying again by itself; what you have typed is kept.", true);
  }

  #back() {
    if (this.hidden) return;
    this.hidden = true;
    announce("Connected again");
  }

  /** @param {string} text @param {boolean} again */
  #say(text, again) {
    const button = h("button", { type: "button", class: "button", onclick: retry }, "Try now");
    this.replaceChildren(...nodes([again && h("span", { class: "spinner" }), h("p", {}, text), again && button]));
    this.hidden = false;
    announce(text, "assertive");
  }
}

customElements.define("mc-connection-bar", ConnectionBar);
