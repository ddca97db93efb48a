// @ts-check
/** The model, and which adapter is on: a button that opens a list of them. */

import * as api from "../api.js";
import { h, icon } from "../dom.js";
import { command, notify } from "../effects.js";
import { Piece } from "../element.js";
import { counted } from "../format.js";
import { address } from "../router.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */

class AdapterMenu extends Piece {
  #busy = false;

  connected() {
    const name = h("span", { class: "cut" });
    const on = h("span", { class: "chip cut" });
    const button = h("button", { type: "button", class: "button plain model", popovertarget: "adapters", "aria-haspopup": "dialog" }, h("span", { class: "unseen" }, "Model "), name, h("span", { class: "unseen" }, ", adapter: "), on, icon("down"));
    const menu = h("div", { id: "adapters", class: "menu adapters", popover: "auto", role: "dialog", "aria-label": "Model and adapter" });
    this.replaceChildren(button, menu);
    button.disabled = true;
    this.watch(
      ({ models }) => models,
      (models) => {
        name.textContent = models ? models.model.replace(/^.*\//, "") : "Loading the model";
        on.textContent = models?.active ?? "no adapter";
        on.classList.toggle("on", Boolean(models?.active));
        on.hidden = !models;
        button.disabled = !models;
        if (models) menu.replaceChildren(...this.#items(models));
      },
    );
    menu.addEventListener("toggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      button.setAttribute("aria-expanded", String(open));
      if (open) /** @type {HTMLElement | null} */ (menu.querySelector("input:checked"))?.focus();
    });
  }

  /** @param {T.ModelsView} models */
  #items({ model, engine, where, context_length: context, active, adapters }) {
    /** @param {T.AdapterView | null} adapter */
    const item = (adapter) =>
      h(
        "label",
        { class: "item" },
        h("input", {
          type: "radio",
          name: "adapter",
          checked: (adapter?.name ?? null) === active,
          disabled: adapter !== null && !adapter.fits,
          onchange: () => this.#use(adapter?.name ?? null),
        }),
        h(
          "span",
          { class: "what" },
          h("b", { class: "cut" }, adapter?.name ?? "No adapter"),
          h("span", { class: "muted small" }, adapter ? about(adapter, engine) : "The model as it came"),
        ),
      );
    return [
      h("div", { class: "about" }, h("b", {}, model), h("span", { class: "muted small" }, `${where}, context of ${counted(context, "token")}`)),
      h("fieldset", {}, h("legend", { class: "unseen" }, "Adapter"), item(null), adapters.map(item)),
      !adapters.length && h("p", { class: "hint muted small" }, "What you train appears here."),
      h("a", { class: "item", href: address("train") }, icon("plus"), "Train a new one"),
    ].filter((one) => one !== false);
  }

  /** @param {string | null} adapter */
  async #use(adapter) {
    if (this.#busy) return;
    this.#busy = true;
    const models = await command("Switch the adapter", () => api.useAdapter({ adapter }));
    this.#busy = false;
    if (models) {
      store.dispatch({ type: "models", data: models });
      notify("done", adapter === null ? "The model writes without an adapter." : `The model writes with ${adapter}.`);
    } else if (store.state.models) {
      this.find(".menu").replaceChildren(...this.#items(store.state.models)); // the mark goes back
    }
  }
}

/** @param {T.AdapterView} adapter @param {string} engine */
function about({ fits, why, objective, steers, dials }, engine) {
  if (!fits) return (engine !== "transformers" && why) || "For another model";
  return [objective, steers !== null && counted(steers, "steer"), dials && counted(dials.dials.length, "dial")].filter(Boolean).join(" · ") || "Imported";
}

customElements.define("mc-adapter-menu", AdapterMenu);
