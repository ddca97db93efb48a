// @ts-check
/** All keys, by place. A click on one, or Enter, waits for another key to take its place. */

import { ACTIONS, PLACES } from "../actions.js";
import { announce } from "../announce.js";
import { h } from "../dom.js";
import { notify, prefer } from "../effects.js";
import { chord, keysOf, label } from "../keys.js";
import { store } from "../store.js";
import { Sheet } from "./sheet.js";

/** @import {Action} from "../actions.js" */

class HelpSheet extends Sheet {
  /** @type {Action | null} that waits for its key */
  #changes = null;

  connected() {
    const list = h("div", { class: "keys" });
    const reset = h("button", { type: "button", class: "button", onclick: () => void prefer({ keys: {} }) }, "All keys as they were");
    this.frame("Keys", h("p", { class: "muted" }, "Everything works from the keyboard. Choose a key to change it."), list, h("div", { class: "buttons" }, reset));
    this.watch(
      ({ preferences }) => preferences.keys,
      (keys) => {
        list.replaceChildren(...PLACES.map(({ place, title }) => this.#section(title, ACTIONS.filter((action) => action.place === place))));
        reset.hidden = Object.keys(keys).length === 0;
      },
    );
    this.dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.dialog.addEventListener("cancel", (event) => this.#changes && event.preventDefault());
    this.dialog.addEventListener("close", () => (this.#changes = null));
  }

  /** @param {string} title @param {Action[]} actions */
  #section(title, actions) {
    return h("section", {}, h("h3", {}, title), h("dl", {}, compact(actions).map((action) => this.#row(action))));
  }

  /** @param {Action} action */
  #row(action) {
    const shown = keysOf(action).map(label);
    const name = `${action.does}: ${shown.join(" ") || "none"}. Change`;
    const button = h(
      "button",
      { type: "button", class: "key", "aria-label": name, dataset: { action: action.id }, onclick: () => this.#wait(action) },
      shown.length ? shown.flatMap((key, at) => [at > 0 && " ", h("kbd", {}, key)]) : h("span", { class: "muted" }, "none"),
    );
    return h("div", {}, h("dt", {}, action.does), h("dd", {}, button));
  }

  /** @param {Action} action */
  #wait(action) {
    this.#changes = action;
    const button = this.find(`[data-action="${action.id}"]`);
    button.replaceChildren(h("span", { class: "chip on" }, "Press a key; Delete for none"));
    announce(`Press the new key of “${action.does}”, Delete for none, Escape to leave it`);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const action = this.#changes;
    const key = chord(event);
    if (!action || !key) return;
    event.preventDefault();
    event.stopPropagation();
    this.#changes = null;
    const { keys } = store.state.preferences;
    const rest = Object.fromEntries(Object.entries(keys).filter(([id]) => id !== action.id));
    if (key === "Escape" && action.id !== "stop") void prefer({ keys: { ...keys } });
    else if (key === "Delete" || key === "Backspace") void prefer({ keys: { ...rest, [action.id]: "" } });
    else {
      const other = ACTIONS.find((one) => one !== action && together(one, action) && keysOf(one).includes(key));
      if (other) notify("info", `${label(key)} was the key of “${other.does}”, which has none now.`);
      const left = other && keysOf(other).filter((one) => one !== key).join(" ");
      const kept = key === action.keys ? rest : { ...rest, [action.id]: key };
      void prefer({ keys: other ? { ...kept, [other.id]: left ?? "" } : kept });
    }
    /** @type {HTMLElement | null} */ (this.querySelector(`[data-action="${action.id}"]`))?.focus();
  }
}

/** The ten alternatives as their first and last. @param {Action[]} actions */
function compact(actions) {
  return actions.filter(({ id }) => !/^pick-[2-9]$/.test(id));
}

/** Whether two actions can be meant at once. @param {Action} one @param {Action} other */
function together(one, other) {
  return one.place === other.place || [one.place, other.place].includes("everywhere");
}

/** Opens it. */
export function openHelp() {
  /** @type {HelpSheet | null} */ (document.querySelector("mc-help-sheet"))?.open();
}

customElements.define("mc-help-sheet", HelpSheet);
