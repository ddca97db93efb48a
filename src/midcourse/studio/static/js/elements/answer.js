// @ts-check
/**
 * The answer, token by token: written on as it comes, pointed at, walked through, with the correction line in its place.
 *
 * For a screen reader it is a text; only the token that one stands at is an object with a name. What changes is put into the
 * document once a frame, however many tokens have come.
 */

import "./correction.js";
import "./token-card.js";
import { Flow } from "../answer/flow.js";
import { follow } from "../answer/follow.js";
import { Marks } from "../answer/marks.js";
import { pointing, selectedText } from "../answer/pointing.js";
import { nextLine } from "../answer/walk.js";
import { announce } from "../announce.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { store } from "../store.js";
import { switches } from "../answer/switches.js";

/** @import {Steering} from "../answer/steering.js" */
/** @import {Correction} from "./correction.js" */
/** @import {TokenCard} from "./token-card.js" */

export class Answer extends Piece {
  /** @type {Steering} */
  steering = /** @type {any} */ (null);
  #root = h("div", { class: "answer said", role: "group", tabindex: 0, "aria-label": "Answer" });
  #flow = new Flow(this.#root);
  #marks = new Marks(this.#flow);
  #line = /** @type {Correction} */ (document.createElement("mc-correction"));
  #card = /** @type {TokenCard} */ (document.createElement("mc-token-card"));
  #handle = h("span", { class: "until", role: "slider", tabindex: 0, "aria-label": "End of what is rejected" });
  #switches = switches(this.#flow, (depth, direction) => this.steering.sibling(direction, depth));
  #frame = 0;
  /** Where the caret is kept while one walks over lines. @type {number | null} */
  #column = null;

  connected() {
    this.replaceChildren(this.#root, this.#card);
    this.#line.steering = this.#card.steering = this.steering;
    const later = () => (this.#frame ||= requestAnimationFrame(() => this.show()));
    this.watch((state) => state.trace, later);
    this.watch((state) => state.preferences, later);
    this.listen(this.steering, "change", () => this.show());
    this.listen(this.#root, "copy", (event) => this.#copy(event));
    this.listen(this.#handle, "keydown", (event) => this.#handleKey(event));
    pointing(this.#root, this.#flow, this.#handle, this, this.signal);
    follow(this, () => this.#flow.here, this.signal);
    this.show();
  }

  /** Brings the document up to date. */
  show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { trace, preferences } = store.state;
    if (!trace) return;
    const focused = this.contains(document.activeElement);
    this.#flow.shade(preferences.unlikely);
    this.#flow.show(trace.tokens);
    this.#switches(trace.forks);
    this.#marks.propose(trace.proposals?.proposals ?? []);
    this.#root.dataset.shading = preferences.shading;
    this.#root.classList.toggle("writing", trace.run.state !== "idle");
    this.#root.classList.toggle("nothing", !trace.tokens.length && trace.run.state === "idle" && !this.steering.open);
    this.#root.setAttribute("aria-label", trace.tokens.length ? `Answer, ${trace.tokens.length} tokens. Arrow keys walk through it` : "Answer, empty so far");
    this.#showLine();
    this.#showPlace();
    // The place that had the focus may be gone.
    if (focused && !this.contains(document.activeElement)) this.focusPlace();
  }

  #showLine() {
    const { open, draft, count, stop } = this.steering;
    const was = this.#line.isConnected;
    if (open && draft) {
      this.#card.hide();
      this.#flow.place(this.#line, Math.min(draft.depth, count));
      this.#line.show();
      const rejects = draft.depth < count;
      if (rejects) this.#flow.place(this.#handle, stop ?? count);
      else this.#handle.remove();
      this.#marks.strike(draft.depth, stop ?? count);
      this.#handle.setAttribute("aria-valuemin", "1");
      this.#handle.setAttribute("aria-valuemax", String(count - draft.depth));
      this.#handle.setAttribute("aria-valuenow", String((stop ?? count) - draft.depth));
      this.#handle.setAttribute("aria-valuetext", `${(stop ?? count) - draft.depth} tokens rejected`);
      if (!was) this.#line.begin();
    } else if (was) {
      // A button that was pressed and disabled has let go of the keyboard: then nobody has it.
      const active = document.activeElement;
      const mine = this.#line.contains(active) || active === this.#handle || active === document.body;
      this.#line.remove();
      this.#handle.remove();
      this.#marks.strike(0, 0);
      if (mine) this.focusPlace();
    }
  }

  #showPlace() {
    const { at, stop, open, place } = this.steering;
    this.#marks.stand(open ? null : at === null ? null : place, this.steering.trace);
    this.#marks.select(open || stop === null ? 0 : place, open || stop === null ? 0 : stop);
    this.#root.classList.toggle("at-end", at === null);
  }

  /** Puts the keyboard where the person is, and that into view. */
  focusPlace() {
    const { at, place } = this.steering;
    const node = at === null ? null : this.#flow.nodes[place];
    (node ?? this.#root).focus({ preventScroll: true });
    (node ?? this.#flow.here).scrollIntoView({ block: "nearest" });
  }

  // Walking

  /** @param {number} by */
  walk(by) {
    this.#column = null;
    this.steering.step(by);
    this.focusPlace();
  }

  /** @param {1 | -1} direction */
  line(direction) {
    const { place, count } = this.steering;
    const box = (/** @type {number} */ depth) => this.#flow.box(depth);
    this.#column ??= (box(place).left + box(place).right) / 2;
    this.steering.put(nextLine(place, direction, count, box, this.#column));
    this.focusPlace();
  }

  /** Selects or narrows by a line. @param {1 | -1} direction */
  narrowLine(direction) {
    const { draft, stop, count, place } = this.steering;
    const from = stop ?? (draft && direction < 0 ? count : place);
    const to = nextLine(Math.min(from, count), direction, count, (depth) => this.#flow.box(depth));
    this.steering.narrowTo(to === from && direction > 0 ? count : to);
  }

  /** @param {number | null} at */
  goTo(at) {
    this.#column = null;
    this.steering.put(at);
    this.focusPlace();
  }

  /** @param {1 | -1} direction */
  look(direction) {
    this.#column = null;
    if (this.steering.look(direction)) this.focusPlace();
    else announce(direction > 0 ? "Nothing more to look at" : "Nothing was looked at before this");
  }

  /** The tokens that are selected as text; null if there are none. */
  selected() {
    return selectedText(this.#flow);
  }

  // Pointing: what `pointing` calls

  /** @param {number | null} depth over which token the pointer rests */
  hover(depth) {
    if (depth === null || this.steering.open || depth >= this.steering.count) this.#card.hide();
    else this.#card.show(depth, this.#flow.nodes[depth], this);
  }

  /** @param {number} depth @param {number | null} stop */
  press(depth, stop) {
    this.#column = null;
    if (this.steering.trace.readonly) return this.goTo(depth);
    this.steering.begin(depth, stop);
  }

  /** @param {number} depth up to which the handle was drawn */
  draw(depth) {
    this.steering.narrowTo(depth);
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined && event.key !== "Escape") return;
    event.preventDefault();
    if (by !== undefined) this.steering.narrow(by);
    else this.steering.close();
  }

  /** What is copied is the text itself, without the signs that the page shows in it. @param {ClipboardEvent} event */
  #copy(event) {
    const selection = getSelection();
    if (!selection?.rangeCount || selection.isCollapsed || this.#line.contains(selection.anchorNode)) return;
    const part = selection.getRangeAt(0).cloneContents();
    const tokens = [...part.querySelectorAll(".t")];
    const text = tokens.length ? tokens.map((token) => token.textContent).join("") : selection.toString();
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  }
}

customElements.define("mc-answer", Answer);
