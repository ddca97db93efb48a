// @ts-check
/** What was said before the answer: the turns of the conversation, a system prompt folded away. */

import { h } from "../dom.js";
import { Piece } from "../element.js";

/** @import * as T from "../types.d.ts" */

const WHO = { user: "You", assistant: "Answer", system: "System prompt" };

class Turns extends Piece {
  connected() {
    let shown = "";
    this.watch(
      ({ trace }) => trace?.messages, // each event brings new objects
      (messages = []) => {
        const text = JSON.stringify(messages);
        if (text === shown) return;
        shown = text;
        this.replaceChildren(...messages.map(turn));
      },
    );
  }
}

/** @param {T.MessageView} message */
function turn({ role, content }) {
  const text = h("div", { class: "said" }, content);
  if (role === "system") return h("details", { class: "turn system" }, h("summary", {}, WHO.system), text);
  return h("section", { class: `turn ${role}`, "aria-label": WHO[role] }, h("h2", { class: "who" }, WHO[role]), text);
}

customElements.define("mc-turns", Turns);
