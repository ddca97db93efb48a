// @ts-check
/** The first minute: one line above the view that says what to do next, and waits until it is done. It can be skipped. */

import { announce } from "../announce.js";
import { h } from "../dom.js";
import { prefer } from "../effects.js";
import { Piece } from "../element.js";
import { BEGIN, STEPS, advance, says } from "../lesson.js";
import { address } from "../router.js";
import { store } from "../store.js";

class LessonStrip extends Piece {
  #lesson = BEGIN;

  connected() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "First lesson");
    this.hidden = true;
    this.watch(
      ({ preferences, prepared }) => prepared && !preferences.taught,
      (on) => {
        this.hidden = !on;
        this.#lesson = BEGIN;
        if (on) this.#draw();
        if (on) this.#look();
      },
    );
    this.watch(
      (state) => state,
      () => this.#look(),
    );
    // The correction line opens and closes without the store: it takes and leaves the focus.
    for (const type of ["focusin", "focusout"]) this.listen(document, type, () => setTimeout(() => this.#look()));
  }

  #look() {
    if (this.hidden) return;
    const line = Boolean(document.querySelector("mc-correction")?.checkVisibility());
    const next = advance(this.#lesson, store.state, line);
    if (next.step === this.#lesson.step) return void (this.#lesson = next);
    this.#lesson = next;
    this.#draw();
    announce(says(next.step).join(" "));
  }

  #draw() {
    const { step } = this.#lesson;
    const [what, why] = says(step);
    const last = step === "end";
    const at = STEPS.indexOf(step);
    const done = () => void prefer({ taught: true });
    this.replaceChildren(
      h("ol", { class: "dots", "aria-hidden": "true" }, STEPS.map((_, place) => h("li", { class: place <= at && "on" }))),
      h("p", {}, h("span", { class: "unseen" }, `Step ${at + 1} of ${STEPS.length}. `), h("b", {}, what), " ", why),
      h(
        "div",
        { class: "buttons" },
        step === "review" && h("a", { class: "button primary", href: address("review") }, "See it in Review"),
        h("button", { type: "button", class: ["button", last ? "primary" : "plain"], onclick: done }, last ? "Done" : "Skip"),
      ),
    );
  }
}

customElements.define("mc-lesson", LessonStrip);
