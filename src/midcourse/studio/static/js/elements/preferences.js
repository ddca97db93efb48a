// @ts-check
/** What a person chooses about the page. Every change counts at once and is kept in the store. */

import { h } from "../dom.js";
import { prefer } from "../effects.js";
import { store } from "../store.js";
import { openHelp } from "./help-sheet.js";
import { Sheet } from "./sheet.js";

/** @import {Preferences} from "../types.d.ts" */

/** @type {[Preferences["theme"], string][]} */
const THEMES = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]];
/** @type {[Preferences["shading"], string][]} */
const SHADINGS = [["sure", "How sure"], ["source", "Who wrote"], ["off", "Off"]];

class PreferencesSheet extends Sheet {
  connected() {
    const unlikely = h("input", { id: "unlikely", type: "range", min: 0.01, max: 0.9, step: 0.01, onchange: () => void prefer({ unlikely: Number(unlikely.value) }) });
    const share = h("output", { for: "unlikely", class: "numbers" });
    const show = () => (share.textContent = `${Math.round(100 * Number(unlikely.value))} %`);
    unlikely.addEventListener("input", show);
    const author = h("input", { id: "author", class: "input", maxlength: 200, autocomplete: "name", onchange: () => void prefer({ author: author.value.trim() }) });
    const system = h("textarea", { id: "system-default", class: "input", rows: 3, onchange: () => void prefer({ system: system.value }) });
    const lesson = () => {
      this.dialog.close();
      void prefer({ taught: false });
    };
    const keys = () => {
      this.dialog.close();
      openHelp();
    };
    this.frame(
      "Preferences",
      this.#choice("Theme", "theme", THEMES),
      this.#choice("Shade the tokens of an answer by", "shading", SHADINGS),
      h(
        "div",
        { class: "field" },
        h("label", { for: "unlikely" }, "A token is unlikely below ", share),
        unlikely,
        h("p", { class: "help" }, "These are underlined, and n jumps from one to the next."),
      ),
      h("div", { class: "field" }, h("label", { for: "author" }, "Your name"), author, h("p", { class: "help" }, "Kept with every steer of yours. May stay empty.")),
      h("div", { class: "field" }, h("label", { for: "system-default" }, "System prompt of new conversations"), system),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", class: "button", onclick: keys }, "Change keys"),
        h("button", { type: "button", class: "button", onclick: lesson }, "Show the lesson again"),
      ),
    );
    this.watch(
      ({ preferences }) => preferences,
      (now) => {
        for (const name of /** @type {const} */ (["theme", "shading"])) {
          for (const input of this.querySelectorAll(`input[name="${name}"]`)) {
            /** @type {HTMLInputElement} */ (input).checked = /** @type {HTMLInputElement} */ (input).value === now[name];
          }
        }
        unlikely.value = String(now.unlikely);
        show();
        if (document.activeElement !== author) author.value = now.author;
        if (document.activeElement !== system) system.value = now.system;
      },
    );
    // What is typed counts even if the sheet is closed by Esc.
    this.dialog.addEventListener("close", () => {
      const { author: name, system: prompt } = store.state.preferences;
      if (author.value.trim() !== name || system.value !== prompt) void prefer({ author: author.value.trim(), system: system.value });
    });
  }

  /**
   * @param {string} title
   * @param {"theme" | "shading"} name
   * @param {[string, string][]} choices
   */
  #choice(title, name, choices) {
    const option = (/** @type {[string, string]} */ [value, text]) =>
      h("label", {}, h("input", { type: "radio", name, value, onchange: () => void prefer({ [name]: value }) }), text);
    return h("fieldset", { class: "field" }, h("legend", {}, title), h("div", { class: "choices" }, choices.map(option)));
  }
}

/** Opens it. */
export function openPreferences() {
  /** @type {PreferencesSheet | null} */ (document.querySelector("mc-preferences"))?.open();
}

customElements.define("mc-preferences", PreferencesSheet);
