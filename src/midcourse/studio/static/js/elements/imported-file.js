// @ts-check
/**
 * One file on its way into the store, and what became of it. A file with faults is not taken in at all: every fault is
 * shown with its line, and the good lines can be taken by themselves.
 */

import * as api from "../api.js";
import { announce } from "../announce.js";
import { h, icon } from "../dom.js";
import { loadFacets, reloadTraces } from "../effects.js";
import { Piece } from "../element.js";
import { byLine, excerpt, goodLines, summary } from "../import-summary.js";
import { count, many, size } from "../words.js";

/** @import * as T from "../types.d.ts" */

const MOST = 64_000_000; // characters, as the server takes them
const STEP = 200; // faulty lines that are shown at a time

export class ImportedFile extends Piece {
  /** @type {File | null} */
  file = null;
  #text = "";
  #asked = new AbortController();

  connected() {
    if (this.firstChild || !this.file) return;
    const { name, size: bytes } = this.file;
    this.classList.add("card");
    this.replaceChildren(
      h("header", {}, h("strong", { class: "cut" }, name), h("span", { class: "muted small numbers" }, size(bytes)), h("button", { type: "button", class: "button plain only-icon", "aria-label": `Dismiss ${name}`, onclick: () => this.#dismiss() }, icon("close"))),
      h("p", { class: "said-of-it" }, "Waiting"),
      h("div", { class: "rest" }),
    );
  }

  #dismiss() {
    this.#asked.abort();
    const next = /** @type {HTMLElement | null} */ (this.parentElement?.parentElement?.querySelector("button") ?? null);
    this.remove();
    next?.focus();
  }

  /**
   * Takes the file in.
   * @param {boolean} skip_invalid whether lines with faults are left out
   */
  async run(skip_invalid) {
    const { file } = this;
    if (!file || !this.isConnected) return;
    this.#say(h("span", { class: "spinner" }), skip_invalid ? " Taking the good lines…" : " Importing…");
    this.find(".rest").replaceChildren();
    this.className = "card";
    try {
      this.#text ||= await file.text();
      if (this.#text.length > MOST) throw new api.ApiError("large", `It has ${count(this.#text.length)} characters, and the studio takes ${count(MOST)} at a time. In a terminal, midcourse import takes files of any size.`);
      this.#done(await api.importFile({ name: file.name.slice(-200), text: this.#text, skip_invalid }, { signal: this.#asked.signal }));
    } catch (error) {
      if (this.#asked.signal.aborted) return;
      if (error instanceof api.ApiError) this.#failed(error);
      else this.#failed(new api.ApiError("file", `The file could not be read: ${error instanceof Error ? error.message : error}`));
    }
  }

  /** @param {T.Imported} result */
  #done(result) {
    this.classList.add("taken");
    const said = summary(result);
    this.#say(icon("check"), ` ${said}`);
    announce(`${this.file?.name}: ${said}`);
    const notices = result.notices.length ? [h("ul", { class: "small muted" }, result.notices.map((text) => h("li", {}, text)))] : [];
    this.find(".rest").replaceChildren(...notices, ...this.#faults(result.problems, "Left out"));
    this.#text = "";
    void loadFacets();
    void reloadTraces();
  }

  /** @param {api.ApiError} error */
  #failed(error) {
    this.classList.add("refused");
    const { problems } = error;
    const lines = new Set(problems.map(({ line }) => line)).size;
    const said = problems.length ? `Nothing was stored: ${many(problems.length, "fault")} in ${many(lines, "line")}.` : `Nothing was stored. ${error.message}`;
    this.#say(said);
    announce(`${this.file?.name}: ${said}`, "assertive");
    const good = problems.length ? goodLines(this.#text, problems) : null;
    const acts = [
      good ? h("button", { type: "button", class: "button primary", onclick: () => void this.run(true) }, good === 1 ? "Take the good line" : `Take the ${count(good)} good lines`) : null,
      problems.length ? null : h("button", { type: "button", class: "button", onclick: () => void this.run(false) }, "Try again"),
    ].filter((act) => act !== null);
    this.find(".rest").replaceChildren(...(acts.length ? [h("div", { class: "buttons" }, acts)] : []), ...this.#faults(problems, "Faults"));
  }

  /** @param {T.ProblemView[]} problems @param {string} title */
  #faults(problems, title) {
    if (!problems.length) return [];
    const lines = this.#text.split("\n");
    const found = byLine(problems);
    const list = h("ol", { class: "faults", "aria-label": title, tabindex: "0" });
    const more = h("button", { type: "button", class: "button" });
    const show = () => {
      const from = list.children.length;
      list.append(...found.slice(from, from + STEP).map(({ line, problems: own }) =>
        h("li", {}, h("span", { class: "line numbers" }, line === null ? "file" : `line ${count(line)}`),
          h("div", {}, own.map(({ message, field }) => h("p", {}, field && h("code", {}, field), field && " ", message)), line !== null && h("pre", { class: "cut" }, excerpt(lines, line)))),
      ));
      const left = found.length - list.children.length;
      more.hidden = left === 0;
      more.textContent = `Show ${count(Math.min(left, STEP))} more of ${count(left)}`;
    };
    more.addEventListener("click", show);
    show();
    return [list, more];
  }

  /** @param {...(Node | string)} parts */
  #say(...parts) {
    this.find(".said-of-it").replaceChildren(...parts);
  }
}

customElements.define("mc-imported-file", ImportedFile);
