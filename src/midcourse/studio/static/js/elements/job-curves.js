// @ts-check
/**
 * The curves of a training, as it goes: loss, margin, accuracy, of what is trained on and of what is held out. Drawn by
 * plotly in the page's colours, again when these change; the same as a table for whoever does not see them.
 */

import { curves, epochs } from "../curves.js";
import { h } from "../dom.js";
import { Piece } from "../element.js";
import { figure, says, themed } from "../figures.js";
import { plotly } from "../plotly.js";
import { number, percent } from "../words.js";

/** @import * as T from "../types.d.ts" */
/** @import {Curve} from "../curves.js" */

export class JobCurves extends Piece {
  /** @type {T.Point[]} */
  #points = [];
  #frame = 0;

  connected() {
    this.replaceChildren(h("div", { class: "plots" }), h("p", { class: "plot-fault muted", role: "status" }), h("div", { class: "as-table" }));
    const again = () => this.#later();
    this.watch(({ preferences }) => preferences.theme, again);
    this.listen(matchMedia("(prefers-color-scheme: dark)"), "change", again);
    const sizes = new ResizeObserver(again);
    sizes.observe(this);
    this.signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
    });
  }

  /** @param {T.Point[]} points of the whole run so far */
  set points(points) {
    this.#points = points;
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => void this.#draw());
  }

  async #draw() {
    this.#frame = 0;
    const shown = curves(this.#points);
    this.hidden = shown.length === 0;
    if (!shown.length || !this.isConnected || !this.clientWidth) return;
    let Plotly;
    try {
      Plotly = await plotly();
    } catch (error) {
      this.find(".plot-fault").textContent = error instanceof Error ? error.message : String(error);
      return this.#table(shown);
    }
    if (!this.isConnected) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const starts = epochs(this.#points);
    const steps = this.#points.findLast(({ phase }) => phase === "train")?.steps ?? 0;
    for (const curve of shown) {
      const { data, layout } = themed(figure(curve, starts, steps), colour);
      const canvas = this.#place(curve);
      await Plotly.react(canvas, data, { ...layout, width: canvas.clientWidth, height: canvas.clientHeight }, { displayModeBar: false, responsive: false });
    }
    this.#table(shown);
  }

  /** The place of a curve's plot. @param {Curve} curve */
  #place(curve) {
    let plot = this.querySelector(`figure[data-curve=${curve.name}]`);
    if (!plot) {
      const legend = h("span", { class: "legend" }, h("span", { class: "line-solid" }), "trained on ", h("span", { class: "line-dotted" }), "held out");
      plot = h("figure", { dataset: { curve: curve.name } }, h("figcaption", {}, curve.title, legend), h("div", { class: "canvas", role: "img" }));
      this.find(".plots").append(plot);
    }
    const canvas = /** @type {HTMLElement} */ (plot.querySelector(".canvas"));
    canvas.ariaLabel = says(curve);
    return canvas;
  }

  /** @param {Curve[]} shown */
  #table(shown) {
    const open = this.querySelector("details")?.open ?? false;
    const words = (/** @type {Curve} */ { name }, /** @type {number | undefined} */ value) => (name === "accuracy" ? percent(value) : number(value));
    const row = (/** @type {Curve} */ curve) =>
      h("tr", {}, h("th", { scope: "row" }, curve.title), [curve.train.y[0], curve.train.y.at(-1), curve.held.y[0], curve.held.y.at(-1)].map((value) => h("td", { class: "numbers" }, words(curve, value))));
    this.find(".as-table").replaceChildren(
      h("details", { open }, h("summary", {}, "In numbers"),
        h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["", "Trained on, first", "now", "Held out, first", "now"].map((text) => (text ? h("th", { scope: "col" }, text) : h("td", {}))))), h("tbody", {}, shown.map(row)))),
    );
  }
}

customElements.define("mc-job-curves", JobCurves);
