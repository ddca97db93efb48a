// @ts-check
/**
 * Below the answer: accept it and say the next thing, with the same dials or others. What is typed is kept until the server has
 * it.
 */

import * as api from "../api.js";
import { fitting, same } from "../asked.js";
import { h, icon } from "../dom.js";
import { draft, keepDraft } from "../drafts.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { go } from "../router.js";
import { store } from "../store.js";
import { Dials } from "./dials.js";

/** @import {Trace} from "../trace.js" */

export class NextTurn extends Piece {
  #text = h("textarea", { class: "input", id: "next-turn", rows: 1, placeholder: "Say the next thing", "aria-label": "Accept this answer and say the next thing" });
  #send = h("button", { type: "submit", class: "button primary" }, "Accept and send");
  #finish = h("button", { type: "button", class: "button" });
  #dials = new Dials();
  #now = h("span", { class: "now muted cut" });
  #asked = h("details", { class: "asked", hidden: true }, h("summary", {}, icon("right"), h("span", {}, "Dials of the next answer"), this.#now), this.#dials);
  #form = h("form", { class: "next" }, this.#text, h("div", { class: "buttons" }, this.#finish, this.#send), this.#asked);
  #trace = "";

  connected() {
    this.#dials.guides = false;
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
    this.listen(this.#dials, "input", () => this.#summarise());
    this.watch(
      ({ models }) => models?.dials,
      () => this.#turn(),
    );
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
      this.#asked.open = false;
      this.#turn();
    }
    this.hidden = trace.run.state !== "idle" || !trace.tokens.length || Boolean(trace.readonly);
    this.#finish.textContent = trace.finished ? "Accepted: open it again" : "Accept the answer";
    this.#finish.setAttribute("aria-pressed", String(trace.finished));
  }

  /** The dials are those of this answer, as far as the model has them. */
  #turn() {
    const { trace, models } = store.state;
    const dials = models?.dials ?? null;
    this.#asked.hidden = !dials;
    this.#dials.dials = dials;
    this.#dials.value = fitting({ attributes: trace?.attributes ?? {}, guidance: 1 }, dials);
    this.#summarise();
  }

  #summarise() {
    this.#now.textContent = this.#dials.summary || "nothing asked for";
  }

  /** What is asked of the next answer; undefined: the same as of this one. */
  #attributes() {
    const { trace, models } = store.state;
    const before = fitting({ attributes: trace?.attributes ?? {}, guidance: 1 }, models?.dials);
    return !models?.dials || same(before, this.#dials.fitting) ? undefined : this.#dials.fitting.attributes;
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
    await command("Accept and send", () => api.next(id, { content, attributes: this.#attributes(), go_on: true }), (done) => {
      keepDraft(`next:${id}`, "");
      if (store.state.route.id === id) go("steer", done.trace);
    });
    this.#send.disabled = !this.#text.value.trim();
  }
}

customElements.define("mc-next-turn", NextTurn);
