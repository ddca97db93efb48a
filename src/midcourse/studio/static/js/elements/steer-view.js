// @ts-check
/**
 * The steering view: a new conversation, or the one that the address names once it has come, or why it does not come.
 */

import "./answer-view.js";
import "./composer.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { go } from "../router.js";

class SteerView extends Piece {
  /** @type {string | null} */
  #shows = null;

  connected() {
    this.watch(
      ({ route, trace, missing }) => {
        if (route.view !== "steer") return null; // hidden: stays as it is
        if (route.id === null) return "new";
        if (trace) return trace.id;
        return missing === null ? "" : `missing ${missing}`;
      },
      (what) => {
        if (what === null || what === this.#shows) return;
        this.#shows = what;
        this.replaceChildren(this.#make(what));
      },
    );
  }

  /** @param {string} what */
  #make(what) {
    if (what === "new") return h("mc-composer");
    if (what === "") return h("div", { class: "empty", role: "status" }, h("span", { class: "spinner" }), "Loading the conversation");
    if (!what.startsWith("missing ")) return h("mc-answer-view");
    return h(
      "div",
      { class: "empty" },
      h("h2", {}, "This conversation is not here"),
      h("p", {}, what.slice("missing ".length)),
      h("button", { class: "button", onclick: () => go("steer") }, "Start a new one"),
    );
  }
}

customElements.define("mc-steer-view", SteerView);
