// @ts-check
/**
 * One conversation with its answer: turns, the answer to steer, what can be done with it, and a panel beside it.
 *
 * `state.trace` is there while this element is; for another conversation another element is made.
 */

import "./answer.js";
import "./answer-bar.js";
import "./answer-shades.js";
import { AskedLine } from "./asked.js";
import "./next-turn.js";
import "./side-panel.js";
import "./turns.js";
import { reading } from "../answer/aloud.js";
import { steerAt } from "../answer/outline.js";
import { Steering } from "../answer/steering.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { draft, keepDraft } from "../drafts.js";
import { loadProposals } from "../effects.js";
import { store } from "../store.js";

/** @import {Answer} from "./answer.js" */
/** @import {AnswerBar} from "./answer-bar.js" */
/** @import {NextTurn} from "./next-turn.js" */
/** @import {SidePanel} from "./side-panel.js" */

const KEPT = "side-panel"; // whether it was closed
const SETTLES = 300; // milliseconds of an answer at rest, before it is asked where to look

class AnswerView extends Piece {
  #steering = new Steering();
  #answer = /** @type {Answer} */ (document.createElement("mc-answer"));
  #bar = /** @type {AnswerBar} */ (document.createElement("mc-answer-bar"));
  #side = /** @type {SidePanel} */ (document.createElement("mc-side-panel"));
  #next = /** @type {NextTurn} */ (document.createElement("mc-next-turn"));
  #asked = new AskedLine();
  #readonly = h("p", { class: "readonly", role: "note" });
  #title = h("h1", { class: "cut" });
  #more = h("button", { type: "button", class: "button plain", "aria-expanded": "false", onclick: () => this.#toggle() }, icon("list"), "Steers and branches");

  connected() {
    for (const piece of [this.#answer, this.#bar, this.#side]) piece.steering = this.#steering;
    this.watch(
      ({ trace }) => trace,
      (trace) => {
        if (!trace) return;
        this.#steering.follow(trace);
        if (this.#title.textContent !== trace.title) this.#title.textContent = trace.title;
        this.#readonly.hidden = !trace.readonly;
        this.#readonly.textContent = trace.readonly ? `Only to be read. ${trace.readonly}` : "";
      },
    );
    const column = h(
      "div",
      { class: "page" },
      h("header", { class: "head" }, this.#title, this.#more),
      this.#readonly,
      h("div", { class: "column" }, h("mc-turns"), h("section", { class: "turn assistant", "aria-label": "Answer" }, h("div", { class: "heading" }, h("h2", { class: "who" }, "Answer"), h("mc-answer-shades")), this.#asked, this.#answer), this.#next),
    );
    this.replaceChildren(h("div", { class: "steering" }, h("div", { class: "middle" }, column, this.#bar), this.#side));
    this.#toggle(this.#wide() && draft(KEPT) !== "closed");
    this.listen(this, "narrowline", ({ detail }) => this.#answer.narrowLine(detail));
    this.listen(this, "closeside", () => this.#toggle(false));
    this.listen(this, "goto", ({ detail }) => this.#answer.goTo(detail));
    reading(this.signal);
    this.keys(this.#keys());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let settling;
    this.watch(
      ({ trace, models }) => trace && models?.predictor && trace.run.state === "idle" && `${trace.id} ${trace.version} ${trace.tokens.length}`,
      () => {
        clearTimeout(settling);
        settling = setTimeout(() => void loadProposals(this.signal), SETTLES);
      },
    );
    this.signal.addEventListener("abort", () => clearTimeout(settling));
    this.#answer.focusPlace();
  }

  /** @returns {import("../keys.js").Handlers} */
  #keys() {
    const [answer, steering] = [this.#answer, this.#steering];
    return {
      stop: () => this.#stop(),
      left: () => answer.walk(-1),
      right: () => answer.walk(1),
      up: () => answer.line(-1),
      down: () => answer.line(1),
      first: () => answer.goTo(0),
      last: () => answer.goTo(null),
      correct: () => this.#correct(),
      insert: () => steering.begin(),
      unlikely: () => answer.look(1),
      "unlikely-before": () => answer.look(-1),
      "narrow-less": () => steering.narrow(-1),
      "narrow-more": () => steering.narrow(1),
      "narrow-up": () => answer.narrowLine(-1),
      "narrow-down": () => answer.narrowLine(1),
      end: () => void steering.steer("end"),
      mark: () => void steering.steer("mark"),
      regenerate: () => void steering.regenerate(),
      dials: () => this.#asked.toggle(),
      undo: () => void steering.undo(),
      redo: () => void steering.redo(),
      "sibling-before": () => steering.sibling(-1),
      "sibling-next": () => steering.sibling(1),
      reason: () => this.#about("reason"),
      tags: () => this.#about("tags"),
      serves: () => this.#about("serves"),
    };
  }

  /** Esc: what is open closes first; then the model stops. */
  #stop() {
    if (this.#steering.open) this.#steering.close();
    else if (this.#asked.open && this.#asked.contains(document.activeElement)) this.#asked.toggle(false);
    else if (this.#steering.writing) this.#steering.halt();
    else if (!this.#side.hidden && this.#side.contains(document.activeElement)) this.#toggle(this.#wide(), true);
    else return false;
    return true;
  }

  /** Enter: corrects from here; at the end the model goes on. */
  #correct() {
    const { at, trace, writing } = this.#steering;
    const selected = this.#answer.selected();
    if (selected) this.#steering.begin(selected.from, selected.to);
    else if (at !== null) this.#steering.begin();
    else if (trace.ended || trace.finished) this.#next.focusText();
    else if (!writing) void this.#steering.goOn();
  }

  /** What is said of the steer that one stands on, or else of the last one. @param {import("./steer-about.js").Part} part */
  #about(part) {
    const { trace, place } = this.#steering;
    const steer = steerAt(trace.steers, place) ?? trace.steers.findLast(({ on_path }) => on_path);
    if (!steer) return false;
    this.#toggle(true);
    this.#side.edit(steer.number, part);
    return true;
  }

  #wide() {
    return matchMedia("(min-width: 75rem)").matches;
  }

  /** @param {boolean} [open] @param {boolean} [back] puts the keyboard into the answer */
  #toggle(open = this.#side.hidden, back = false) {
    this.#side.hidden = !open;
    this.#more.setAttribute("aria-expanded", String(open));
    if (this.#wide()) keepDraft(KEPT, open ? "" : "closed");
    if (back && store.state.trace) this.#answer.focusPlace();
  }
}

customElements.define("mc-answer-view", AnswerView);
