// @ts-check
/** What the tokens are shaded by, and what the shades mean. */

import { legend } from "../answer/shading.js";
import { keyFor } from "../keys.js";
import { h } from "../dom.js";
import { prefer } from "../effects.js";
import { Piece } from "../element.js";
import { store } from "../store.js";

/** @import * as T from "../types.d.ts" */

/** @type {[T.Preferences["shading"], string][]} */
const SHADINGS = [
  ["sure", "How sure"],
  ["source", "Who wrote"],
  ["off", "No shades"],
];

class AnswerShades extends Piece {
  #legend = h("span", { class: "legend" });
  #choice = h("select", { class: "input", "aria-label": "Shade the tokens by" }, ...SHADINGS.map(([value, text]) => h("option", { value }, text)));

  connected() {
    this.replaceChildren(this.#legend, this.#choice);
    this.listen(this.#choice, "change", () => void prefer({ shading: /** @type {T.Preferences["shading"]} */ (this.#choice.value) }));
    const show = () => {
      const { preferences, trace } = store.state;
      this.#choice.value = preferences.shading;
      const look = trace?.proposals?.proposals.length ? [h("span", { class: "sample" }, h("span", { class: "t proposed" }, "abc"), `look here (${keyFor("unlikely")})`)] : [];
      this.#legend.replaceChildren(...samples(preferences.shading, preferences.unlikely), ...look);
    };
    this.watch(({ preferences }) => preferences, show);
    this.watch(({ trace }) => (trace?.proposals?.proposals.length ?? 0) > 0, show);
  }
}

/** What the shades mean. @param {T.Preferences["shading"]} shading @param {number} unlikely */
function samples(shading, unlikely) {
  const sample = (/** @type {string} */ marks, /** @type {number} */ level, /** @type {string} */ text) =>
    h("span", { class: "sample" }, h("span", { class: `t ${marks}`, dataset: { level: String(level) } }, "abc"), text);
  if (shading === "sure") return legend(unlikely).map(({ level, text }) => sample("model", level, text));
  if (shading === "source") return [sample("human", 0, "by hand"), sample("teacher", 0, "by a teacher"), sample("import", 0, "imported")];
  return [];
}

customElements.define("mc-answer-shades", AnswerShades);
