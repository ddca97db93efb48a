// @ts-check
/**
 * What training has changed on steers that it did not see: for each adapter, the last measurement, its report, and a button
 * that measures.
 */

import * as api from "../api.js";
import { h } from "../dom.js";
import { command, jobBegun } from "../effects.js";
import { Piece } from "../element.js";
import { STATES, progress, under_way } from "../jobs.js";
import { address } from "../router.js";
import { store } from "../store.js";
import { many, when } from "../words.js";

/** @import * as T from "../types.d.ts" */

export class Measured extends Piece {
  connected() {
    this.replaceChildren(
      h("h2", { id: "measured-title" }, "Measured on held-out steers"),
      h("p", { class: "muted" }, "Before and after at each steer that training did not see: which way the model goes by itself, how sure it is, and how far it has moved where nobody asked it to."),
      h("ul", { class: "measured-list", "aria-labelledby": "measured-title" }),
    );
    this.watch(({ models }) => models, () => this.#draw());
    this.watch(({ jobs }) => jobs, () => this.#draw());
  }

  #draw() {
    const { models, jobs } = store.state;
    const adapters = models?.adapters ?? [];
    this.hidden = adapters.length === 0;
    const focused = document.activeElement instanceof HTMLElement && this.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    this.find("ul").replaceChildren(...adapters.map((adapter) => this.#row(adapter, (jobs ?? []).filter(({ kind, name }) => kind === "measure" && name === adapter.name))));
    if (focused) /** @type {HTMLElement | null} */ (this.querySelector(`[data-name="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {T.AdapterView} adapter @param {T.JobView[]} jobs its measurements, the newest first */
  #row({ name, steers, objective, fits, why }, jobs) {
    const [last] = jobs;
    const done = jobs.find(({ report }) => report);
    const running = last && under_way(last);
    const said = running ? progress(last).words.join(" · ") : last ? `${STATES[last.state]} ${when(last.ended)}${last.state === "failed" && last.message ? `: ${last.message}` : ""}` : "not measured yet";
    return h("li", {},
      h("div", { class: "what" }, h("strong", {}, name), h("span", { class: "muted small" }, [steers === null ? "" : many(steers, "steer"), objective].filter(Boolean).join(" · ")), h("span", { class: "small numbers" }, fits ? said : (why ?? "It is for another model."))),
      h("div", { class: "buttons" },
        running && h("a", { class: "button", href: address("train", String(last.id)), dataset: { name: `${name} look` } }, "Look"),
        done && h("a", { class: "button", href: api.reportAddress(done.id), target: "_blank", rel: "noopener", dataset: { name: `${name} report` }, "aria-label": `Open the report of ${name}` }, "Open the report"),
        fits && !running && h("button", { type: "button", class: "button", dataset: { name: `${name} measure` }, "aria-label": `Measure ${name}`, onclick: () => void this.#measure(name) }, done ? "Measure again" : "Measure"),
      ),
    );
  }

  /** @param {string} adapter */
  async #measure(adapter) {
    await command("Measure", () => api.measure({ adapter }), jobBegun);
  }
}

customElements.define("mc-measured", Measured);
