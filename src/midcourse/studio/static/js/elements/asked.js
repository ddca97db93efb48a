// @ts-check
/**
 * What was asked of the answer, and other dials: what is asked is part of what the model has read, so asking for something
 * else makes another answer to the same conversation. This one stays, and both can be compared.
 */

import * as api from "../api.js";
import { inAddress, named, same, words } from "../asked.js";
import { h, icon } from "../dom.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { keyFor } from "../keys.js";
import { address, go } from "../router.js";
import { store } from "../store.js";
import { Dials } from "./dials.js";

/** @import {Asked} from "../asked.js" */
/** @import {Trace} from "../trace.js" */

export class AskedLine extends Piece {
  #chips = h("ul", { class: "chips", "aria-label": "Asked for" });
  #more = h("button", { type: "button", class: "button plain", "aria-expanded": "false", "data-tip": keyFor("dials"), onclick: () => this.toggle() }, icon("gear"), "Other dials");
  #dials = new Dials();
  #again = h("button", { type: "button", class: "button primary", onclick: () => void this.#answer() }, "Answer again");
  #compare = h("a", { class: "button" }, "Compare side by side");
  #predicted = h("p", { class: "muted small numbers", hidden: true });
  #panel = h("div", { class: "card other", role: "group", "aria-label": "Other dials", hidden: true });
  #busy = false;

  connected() {
    this.#panel.replaceChildren(
      this.#dials,
      h("div", { class: "buttons" }, this.#again, this.#compare, h("span", { class: "muted small" }, "Another answer to the same conversation; this one stays.")),
      h("button", { type: "button", class: "button plain only-icon close", "aria-label": "Close the dials", onclick: () => this.toggle(false) }, icon("close")),
    );
    this.replaceChildren(h("div", { class: "line" }, this.#chips, this.#more), this.#predicted, this.#panel);
    this.listen(this.#panel, "input", () => this.#show());
    this.listen(this.#panel, "keydown", (event) => event.key === "Enter" && event.target instanceof HTMLInputElement && (event.preventDefault(), void this.#answer()));
    this.watch(
      ({ trace }) => JSON.stringify(trace && [trace.id, trace.attributes, trace.sampling.guidance, trace.proposals?.values]),
      () => this.#show(),
    );
    this.watch(
      ({ models }) => models,
      () => this.#show(),
    );
  }

  get open() {
    return !this.#panel.hidden;
  }

  /** @returns {boolean} whether there is anything to open */
  toggle(open = this.#panel.hidden) {
    const { trace, models } = store.state;
    if (!trace || !models?.dials) return false;
    if (open) {
      this.#dials.dials = models.dials;
      this.#dials.value = asked(trace);
    }
    this.#panel.hidden = !open;
    this.#more.setAttribute("aria-expanded", String(open));
    this.#show();
    if (open) this.#dials.focus();
    else this.#more.focus();
    return true;
  }

  #show() {
    const { trace, models } = store.state;
    if (!trace) return;
    const dials = models?.dials ?? null;
    const said = words(trace.attributes, trace.sampling.guidance);
    const values = Object.entries(trace.proposals?.values ?? {});
    this.#predicted.hidden = !values.length;
    this.#predicted.textContent = values.length ? `Predicted: ${values.map(([name, value]) => `${named(name)} ${value.toFixed(1)}`).join(" · ")}` : "";
    this.hidden = !said.length && !dials && !values.length;
    this.#chips.hidden = !said.length && !dials;
    this.#more.hidden = !dials;
    if (!dials) this.#panel.hidden = true;
    this.#dials.dials = dials;
    this.#chips.replaceChildren(...(said.length ? said.map((word) => h("li", { class: "chip on" }, word)) : [h("li", { class: "muted small" }, "Nothing asked for")]));
    const other = this.#dials.fitting;
    const alike = same(other, asked(trace));
    this.#again.disabled = alike;
    this.#compare.hidden = alike;
    const state = models?.active ?? "";
    this.#compare.href = address("compare", null, { left: state, right: state, traces: trace.id, "left-asked": inAddress(asked(trace)), "right-asked": inAddress(other) });
  }

  async #answer() {
    const { trace } = store.state;
    if (!trace || this.#busy || this.#again.disabled) return;
    const { attributes, guidance } = this.#dials.fitting;
    this.#busy = true;
    const body = { messages: trace.messages, sampling: { ...trace.sampling, guidance }, tags: trace.tags, attributes };
    await command("Answer again", () => api.create(body), ({ trace: id }) => go("steer", id));
    this.#busy = false;
  }
}

/** What was asked of a trace. @param {Trace} trace @returns {Asked} */
const asked = ({ attributes, sampling }) => ({ attributes, guidance: sampling.guidance ?? 1 });

customElements.define("mc-asked", AskedLine);
