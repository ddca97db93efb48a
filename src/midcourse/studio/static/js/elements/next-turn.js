// @ts-check
/** Below the answer: accept it and say the next thing. What is typed is kept until the server has it. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { draft, keepDraft } from "../drafts.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { go } from "../router.js";
import { store } from "../store.js";

/** @import {Trace} from "../trace.js" */

export class NextTurn extends Piece {
  #text = h("textarea", { class: "input", id: "next-turn", rows: 1, placeholder: "Say the next thing", "aria-label": "Accept this answer and say the next thing" });
  #send = h("button", { type: "submit", class: "button primary" }, "Accept and send");
  #finish = h("button", { type: "button", class: "button" });
  #form = h("form", { class: "next" }, this.#text, h("div", { class: "buttons" }, this.#finish, this.#send));
  #trace = "";

  connected() {
    this.replaceChildren(this.#form);
    this.listen(this.#form, "submit", (event) => {
      event.preventDefault();
      void this.#say();
    });
    this.listen(this.#text, "input", () => {
      keepDraft(`next:${this.#trace}`, this.#text.value);
      this.#send.disabled = !this.#text.value.trim();
    });
    this.listen(this.#text, "keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void this.#say();
    });
    this.listen(this.#finish, "click", () => this.finish());
    this.watch(
      ({ trace }) => trace,
      (trace) => trace && this.#show(trace),
    );
  }

  /** @param {Trace} trace */
  #show(trace) {
    if (trace.id !== this.#trace) {
      this.#trace = trace.id;
      this.#text.value = draft(`next:${trace.id}`);
      this.#send.disabled = !this.#text.value.trim();
    }
    this.hidden = trace.run.state !== "idle" || !trace.tokens.length || Boolean(trace.readonly);
    this.#finish.textContent = trace.finished ? "Accepted: open it again" : "Accept the answer";
    this.#finish.setAttribute("aria-pressed", String(trace.finished));
  }

  focusText() {
    this.#text.focus();
  }

  /** Accepts the answer, or takes that back. */
  finish() {
    const { trace } = store.state;
    if (!trace) return;
    const finished = !trace.finished;
    void command(finished ? "Accept the answer" : "Open it again", () => api.changeTrace(trace.id, { finished }));
  }

  async #say() {
    const content = this.#text.value;
    const id = this.#trace;
    if (!content.trim() || this.#send.disabled) return;
    this.#send.disabled = true;
    await command("Accept and send", () => api.next(id, { content, go_on: true }), (done) => {
      keepDraft(`next:${id}`, "");
      if (store.state.route.id === id) go("steer", done.trace);
    });
    this.#send.disabled = !this.#text.value.trim();
  }
}

customElements.define("mc-next-turn", NextTurn);
