// @ts-check
/**
 * The correction line: an editable place in the flow of the text, and below it what could stand there and what can be done.
 *
 * Shows the draft of the steering and nothing of its own. On a narrow screen it is a sheet at the bottom, in reach of the thumb.
 */

import "./alternatives.js";
import "./steer-about.js";
import * as drafts from "../answer/draft.js";
import { atStart, cursor, field, insert, setText, textOf } from "../answer/field.js";
import { counted, visible } from "../answer/words.js";
import { named } from "../asked.js";
import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { is, keyFor } from "../keys.js";
import { attributes } from "../serves.js";
import { store } from "../store.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {AlternativesList} from "./alternatives.js" */
/** @import {SteerAbout} from "./steer-about.js" */
/** @import * as T from "../types.d.ts" */

let made = 0;

export class Correction extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #id = `correction-${++made}`;
  #field = field({ class: "typed", "aria-label": "Correction", "aria-describedby": `${this.#id}-says` });
  #space = h("button", { type: "button", class: "space", onclick: () => this.steering.edit(drafts.toggledSpace) });
  #alternatives = /** @type {AlternativesList} */ (document.createElement("mc-alternatives"));
  #about = /** @type {SteerAbout} */ (document.createElement("mc-steer-about"));
  #says = h("p", { class: "says", id: `${this.#id}-says` });
  #problem = h("p", { class: "problem", role: "alert" });
  /** @type {Record<string, HTMLButtonElement>} */
  #buttons = {};
  #panel = this.#build();

  connected() {
    this.replaceChildren(h("span", { class: "line" }, this.#space, this.#field), this.#panel);
    this.listen(this.#field, "input", () => this.steering.edit((draft) => drafts.typed(draft, textOf(this.#field))));
    this.listen(this, "keydown", (event) => this.#key(event));
    this.listen(this, "click", (event) => event.stopPropagation());
    if (window.visualViewport) this.listen(window.visualViewport, "resize", () => this.#aboveKeyboard());
  }

  #build() {
    const button = (/** @type {string} */ name, /** @type {string} */ says, /** @type {string} */ action, /** @type {string} */ look, /** @type {() => void} */ run) =>
      (this.#buttons[name] = h(
        "button",
        { type: "button", class: `button ${look}`, onclick: run, "data-tip-up": look === "plain" ? keyFor(action) : null },
        h("span", {}, says),
        look !== "plain" && h("kbd", { "aria-hidden": "true" }, keyFor(action).replace("Shift+", "⇧")),
      ));
    const keep = (/** @type {T.NewSteer["action"]} */ action) => () => void this.steering.keep(action);
    const panel = h(
      "div",
      { class: "panel" },
      this.#alternatives,
      h(
        "div",
        { class: "saying" },
        this.#says,
        button("reason", "Reason", "line-reason", "plain", () => this.#about.focusOn("reason")),
        button("tags", "Tags", "line-tags", "plain", () => this.#about.focusOn("tags")),
        button("serves", "Serves", "line-serves", "plain", () => this.#about.focusOn("serves")),
        h("button", { type: "button", class: "button plain only-icon", "aria-label": "Close: nothing happened", onclick: () => this.steering.close() }, icon("close")),
      ),
      this.#problem,
      h(
        "div",
        { class: "buttons" },
        button("keep", "Keep as steer", "keep", "primary", keep("correct")),
        button("write", "Only go on", "only-go-on", "", keep("write")),
        button("end", "Should have ended here", "line-end", "plain", keep("end")),
        button("mark", "Mark only", "line-mark", "plain", keep("mark")),
      ),
      this.#about,
    );
    this.#alternatives.addEventListener("take", (event) => void this.steering.keep("pick", /** @type {CustomEvent} */ (event).detail));
    this.#about.addEventListener("change", (event) => {
      const change = /** @type {CustomEvent} */ (event).detail;
      if (change) this.steering.edit((draft) => ({ ...draft, ...change }));
    });
    return panel;
  }

  /** It has just been opened: the keyboard goes into it. */
  begin() {
    this.#about.close();
    this.#field.focus({ preventScroll: true });
    cursor(this.#field);
    this.#aboveKeyboard();
    // What it follows stays in sight, then all of the line; a sheet at the bottom covers neither.
    this.#panel.scrollIntoView({ block: "nearest" });
    (this.previousElementSibling ?? this.parentElement)?.scrollIntoView({ block: "nearest" });
    announce(`Correction line open. ${this.#says.textContent}`);
  }

  show() {
    const { draft, trace, count } = this.steering;
    if (!draft) return;
    const spaced = drafts.spaced(draft);
    setText(this.#field, draft.text);
    this.#field.setAttribute("aria-readonly", String(draft.sending));
    this.#field.classList.toggle("blank", draft.text === "");
    this.#space.textContent = spaced ? "␣" : "⌢";
    this.#space.setAttribute("aria-label", spaced ? "A space comes first. Join it to what stands before" : "No space comes first. Put one there");
    this.#space.title = this.#space.ariaLabel ?? "";
    const alternatives = trace.alternatives[draft.depth];
    this.#alternatives.show(alternatives ?? null, drafts.picks(draft), trace.tokens[draft.depth]?.id ?? null);
    this.#says.textContent = this.#sentence(draft, count);
    this.#problem.textContent = draft.problem ?? "";
    this.#problem.hidden = draft.problem === null;
    this.toggleAttribute("data-sending", draft.sending);
    const again = draft.text === "" ? (draft.depth < count ? "Write again" : "Go on") : "Only go on";
    this.#buttons.write.firstElementChild?.replaceChildren(again);
    this.#buttons.write.title = draft.text === "" ? "The model writes anew from here; trains nothing" : "Puts the text there and goes on; trains nothing";
    this.#buttons.end.hidden = draft.depth === count && trace.ended;
    this.#buttons.mark.hidden = draft.depth >= count;
    this.#buttons.reason.classList.toggle("set", draft.reason !== "");
    this.#buttons.tags.classList.toggle("set", draft.tags.length > 0);
    this.#buttons.serves.classList.toggle("set", draft.serves.length > 0);
    this.#buttons.serves.firstElementChild?.replaceChildren(draft.serves.length ? `Serves ${draft.serves.map(named).join(", ")}` : "Serves");
    this.#buttons.serves.hidden = !attributes(store.state, draft.serves).length;
    this.#about.show(draft);
    for (const button of Object.values(this.#buttons)) button.disabled = draft.sending;
  }

  /** What keeping it would train. @param {drafts.Draft} draft @param {number} count */
  #sentence(draft, count) {
    if (draft.sending) return "Keeping it …";
    const { trace } = this.steering;
    const stop = draft.stop ?? count;
    const rejected = trace.tokens.slice(draft.depth, stop);
    const what = visible(rejected.map(({ text, ends }) => (ends ? "⟨end⟩" : text)).join("").trim(), 26);
    const much = counted(rejected.length, "token") + (draft.stop === null ? ", all" : "");
    const instead = rejected.length ? `, not “${what}” (${much})` : "";
    const chosen = drafts.exact(draft);
    return chosen ? `Trains “${visible(chosen, 40)}”${instead}` : rejected.length ? `Off track here: “${what}” (${much})` : "Goes on from here";
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { draft } = this.steering;
    if (!draft || event.isComposing) return;
    if (this.#command(event) || (event.target === this.#field && this.#typing(event, draft))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Keys of the whole line. @param {KeyboardEvent} event @returns {boolean} whether it was one */
  #command(event) {
    if (event.target instanceof HTMLButtonElement && ["Enter", " "].includes(event.key)) return false;
    const { steering } = this;
    if (is(event, "stop")) steering.close();
    else if (is(event, "only-go-on")) void steering.keep("write");
    else if (is(event, "keep")) void steering.keep("correct");
    else if (is(event, "line-end")) void steering.keep("end");
    else if (is(event, "line-mark")) void steering.keep("mark");
    else if (is(event, "line-reason")) this.#about.focusOn("reason");
    else if (is(event, "line-tags")) this.#about.focusOn("tags");
    else if (is(event, "line-serves") && !this.#buttons.serves.hidden) this.#about.focusOn("serves");
    else return false;
    return true;
  }

  /** Keys in the field alone. @param {KeyboardEvent} event @param {drafts.Draft} draft */
  #typing(event, draft) {
    const { steering } = this;
    const digit = drafts.picks(draft) ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].find((number) => is(event, `pick-${number}`)) : undefined;
    if (digit !== undefined) return this.#alternatives.take(digit - 1);
    if (is(event, "narrow-less") && draft.text === "") steering.narrow(-1);
    else if (is(event, "narrow-more") && draft.text === "") steering.narrow(1);
    else if (is(event, "narrow-up")) this.dispatchEvent(new CustomEvent("narrowline", { detail: -1, bubbles: true }));
    else if (is(event, "narrow-down")) this.dispatchEvent(new CustomEvent("narrowline", { detail: 1, bubbles: true }));
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.altKey)) insert(this.#field, "\n");
    else if (event.key === "ArrowDown" && draft.text === "") this.#alternatives.focusFirst();
    else if ((event.key === " " || event.key === "Backspace") && atStart(this.#field)) {
      const changed = drafts.atBeginning(draft, event.key === " " ? "Space" : "Backspace");
      if (!changed) return false;
      steering.edit(() => changed);
    } else return false;
    return true;
  }

  /** Puts the keyboard into the field. */
  focusField() {
    this.#field.focus();
    cursor(this.#field);
  }

  /** A keyboard on the screen covers the bottom of the page on some phones. */
  #aboveKeyboard() {
    const view = window.visualViewport;
    if (view) this.style.setProperty("--keyboard", `${Math.max(0, Math.round(innerHeight - view.height - view.offsetTop))}px`);
  }
}

customElements.define("mc-correction", Correction);
