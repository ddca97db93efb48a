// @ts-check
/**
 * A new conversation: the prompt, and, where wanted, what is asked of the answer, a system prompt, earlier turns, how the
 * model writes, and tags.
 *
 * What is typed is a draft until the conversation is there: it survives a reload, a crash and a server that is gone.
 */

import "./earlier-turns.js";
import "./sampling-fields.js";
import * as api from "../api.js";
import { NOTHING } from "../asked.js";
import { h, icon } from "../dom.js";
import { draft, keepDraft } from "../drafts.js";
import { command } from "../effects.js";
import { Piece } from "../element.js";
import { tags as split } from "../format.js";
import { go } from "../router.js";
import { store } from "../store.js";
import { Dials } from "./dials.js";

/** @import * as T from "../types.d.ts" */
/** @import {Asked} from "../asked.js" */
/** @import {EarlierTurns} from "./earlier-turns.js" */
/** @import {SamplingFields} from "./sampling-fields.js" */
/** @typedef {{prompt: string, system: string | null, turns: T.MessageView[], sampling: T.SamplingView | null, tags: string, asked: Asked}} Draft `null`: as in the preferences */

const KEY = "composer";
const LAST = "composer.sampling"; // as in the last conversation
const FOLDED = "composer.dials"; // whether the dials were folded away
export const IDEAS = [
  "Write the contact as TOML: Ada, 36, ada@example.org.",
  "Explain in two sentences why the sky is blue.",
  "Write a polite e-mail: I cannot come on Friday.",
];

class Composer extends Piece {
  #busy = false;
  #dials = new Dials();

  connected() {
    const prompt = h("textarea", { id: "new-prompt", class: "input said", rows: 2, placeholder: "Ask the model for something", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
    const system = h("textarea", { id: "new-system", class: "input", rows: 2, placeholder: "How the model should behave" });
    const tags = h("input", { id: "new-tags", class: "input", placeholder: "toml, letters", autocomplete: "off" });
    const turns = /** @type {EarlierTurns} */ (document.createElement("mc-earlier-turns"));
    const sampling = /** @type {SamplingFields} */ (document.createElement("mc-sampling-fields"));
    const start = h("button", { type: "submit", class: "button primary" }, "Start", h("kbd", { "aria-hidden": "true" }, "Enter"));
    const ideas = IDEAS.map((idea) => h("button", { type: "button", class: "idea", onclick: () => this.#take(idea) }, idea));
    this.replaceChildren(
      h(
        "form",
        {
          class: "page composer",
          "aria-label": "New conversation",
          novalidate: true,
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            void this.#start();
          },
          oninput: () => this.#keep(),
        },
        h("h1", {}, "What should the model write?"),
        turns,
        h(
          "div",
          { class: "prompt" },
          h("label", { for: "new-prompt", class: "unseen" }, "Prompt"),
          prompt,
          h("div", { class: "buttons" }, h("button", { type: "button", class: "button plain turn", onclick: () => turns.add() }, icon("plus"), "Earlier turn"), h("span", { class: "model muted small cut" }), start),
        ),
        h("ul", { class: "ideas", "aria-label": "Ideas" }, ideas.map((idea) => h("li", {}, idea))),
        this.#more("Dials", "dials-more", this.#dials),
        this.#more("System prompt", "system-more", h("div", { class: "field" }, h("label", { for: "new-system", class: "unseen" }, "System prompt"), system)),
        this.#more("How it writes", "sampling-more", sampling),
        this.#more("Tags", "tags-more", h("div", { class: "field" }, h("label", { for: "new-tags", class: "unseen" }, "Tags, separated by commas"), tags, h("p", { class: "help" }, "To find the conversation again, and to train on some alone."))),
      ),
    );
    const folded = /** @type {HTMLDetailsElement} */ (this.find("#dials-more"));
    folded.open = draft(FOLDED) === "";
    folded.addEventListener("toggle", () => keepDraft(FOLDED, folded.open ? "" : "folded"));
    const { said } = this.#restore();
    this.watch(
      ({ preferences, prepared }) => prepared && preferences.system,
      (text) => {
        if (text !== false && said.system === null && !system.value) system.value = text;
        this.#summarise();
      },
    );
    this.watch(
      ({ models }) => models,
      (models) => {
        this.find(".model").textContent = models ? `${models.model.replace(/^.*\//, "")}${models.active ? ` with ${models.active}` : ""}` : "";
        folded.hidden = !models?.dials;
        this.#dials.dials = models?.dials ?? null;
        this.#summarise();
      },
    );
    this.#summarise();
    if (matchMedia("(pointer: fine)").matches) requestAnimationFrame(() => this.isConnected && !document.querySelector("dialog:modal") && this.focusPrompt());
  }

  focusPrompt() {
    const prompt = /** @type {HTMLTextAreaElement} */ (this.find("#new-prompt"));
    prompt.focus();
    prompt.selectionStart = prompt.value.length;
  }

  /** @param {string} title @param {string} id @param {HTMLElement} body */
  #more(title, id, body) {
    return h("details", { class: "more", id }, h("summary", {}, icon("right"), h("span", {}, title), h("span", { class: "now muted cut" })), body);
  }

  /** @param {string} id */
  #value(id) {
    return /** @type {HTMLTextAreaElement} */ (this.find(`#${id}`)).value;
  }

  /** @returns {Draft} */
  #read() {
    const sampling = /** @type {SamplingFields} */ (this.find("mc-sampling-fields")).value;
    const turns = /** @type {EarlierTurns} */ (this.find("mc-earlier-turns")).value;
    return { prompt: this.#value("new-prompt"), system: this.#value("new-system"), turns, sampling, tags: this.#value("new-tags"), asked: this.#dials.value };
  }

  #restore() {
    /** @type {Partial<Draft>} */
    const kept = parsed(draft(KEY));
    const said = { prompt: "", system: null, turns: [], tags: "", sampling: null, asked: /** @type {Asked} */ (parsed(draft(LAST)).asked ?? NOTHING), ...kept };
    const fill = (/** @type {string} */ id, /** @type {string} */ text) => (/** @type {HTMLTextAreaElement} */ (this.find(`#${id}`)).value = text);
    fill("new-prompt", said.prompt);
    fill("new-system", said.system ?? store.state.preferences.system);
    fill("new-tags", said.tags);
    this.#dials.value = said.asked;
    /** @type {EarlierTurns} */ (this.find("mc-earlier-turns")).value = said.turns;
    const sampling = said.sampling ?? /** @type {T.SamplingView | null} */ (parsed(draft(LAST)).sampling ?? null);
    if (sampling) /** @type {SamplingFields} */ (this.find("mc-sampling-fields")).value = sampling;
    return { said };
  }

  #keep() {
    keepDraft(KEY, JSON.stringify(this.#read()));
    this.#summarise();
  }

  /** What is set stands beside what is folded away. */
  #summarise() {
    const { system, tags } = this.#read();
    const say = (/** @type {string} */ id, /** @type {string} */ text) => (this.find(`#${id} .now`).textContent = text);
    say("system-more", system ?? "");
    say("tags-more", split(tags).join(", "));
    say("dials-more", this.#dials.summary || "nothing asked for");
    say("sampling-more", /** @type {SamplingFields} */ (this.find("mc-sampling-fields")).summary);
    this.find(".ideas").toggleAttribute("hidden", this.#value("new-prompt") !== "");
  }

  /** @param {string} idea */
  #take(idea) {
    /** @type {HTMLTextAreaElement} */ (this.find("#new-prompt")).value = idea;
    this.#keep();
    this.focusPrompt();
  }

  /** Enter starts; with Shift, and on screens without keys, it is a new line. @param {KeyboardEvent} event */
  #key(event) {
    const plain = !event.shiftKey && !event.isComposing && matchMedia("(pointer: fine)").matches;
    if (event.key !== "Enter" || !(plain || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void this.#start();
  }

  async #start() {
    const { prompt, system, turns, tags, sampling } = this.#read();
    if (!prompt.trim()) return this.focusPrompt();
    const fields = /** @type {SamplingFields} */ (this.find("mc-sampling-fields"));
    if (this.#busy || !sampling || !fields.check()) return;
    this.#busy = true;
    const button = /** @type {HTMLButtonElement} */ (this.find("button.primary"));
    button.disabled = true;
    /** @type {T.MessageView[]} */
    const first = system?.trim() ? [{ role: "system", content: system }] : [];
    const messages = [...first, ...turns.filter(({ content }) => content.trim()), { role: /** @type {const} */ ("user"), content: prompt }];
    const { attributes, guidance } = this.#dials.fitting;
    await command("Start", () => api.create({ messages, sampling: { ...sampling, guidance }, tags: split(tags), attributes }), ({ trace }) => {
      keepDraft(KEY, "");
      keepDraft(LAST, JSON.stringify({ sampling, asked: this.#dials.value }));
      go("steer", trace);
    });
    this.#busy = false;
    button.disabled = false;
  }
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {}; // from another version of the page
  }
}

/** Goes to an empty prompt, or to the one that was begun. */
export function startNew() {
  go("steer");
  /** @type {Composer | null} */ (document.querySelector("mc-composer"))?.focusPrompt();
}

customElements.define("mc-composer", Composer);
