// @ts-check
/**
 * Curves as plotly draws them. Colours are names of CSS variables ("--accent"), replaced by `coloured`; the lines differ in
 * dash and marker, too. No DOM, no plotly here.
 */

import { number, percent } from "./words.js";

/** @import {Curve} from "./curves.js" */
/** @typedef {Record<string, any>} Json */

/**
 * @param {Curve} curve
 * @param {number[]} starts where epochs begin
 * @param {number} steps of the whole run
 * @returns {{data: Json[], layout: Json}}
 */
export function figure({ name, train, held }, starts, steps) {
  const share = name === "accuracy";
  const told = share ? "%{y:.0%}" : "%{y:.3~f}";
  const data = [
    { ...train, type: "scatter", mode: train.x.length > 1 ? "lines" : "markers", name: "trained on", line: { color: "--accent", width: 2 }, hovertemplate: `step %{x}: ${told}<extra></extra>` },
    { ...held, type: "scatter", mode: "lines+markers", name: "held out", line: { color: "--unlikely", width: 2, dash: "dot" }, marker: { symbol: "diamond", size: 8, color: "--unlikely" }, hovertemplate: `held out, step %{x}: ${told}<extra></extra>` },
  ].filter(({ x }) => x.length);
  const layout = {
    xaxis: { range: [0, Math.max(steps, 1)], nticks: 5 },
    yaxis: share ? { range: [-0.03, 1.05], tickformat: ".0%", dtick: 0.25 } : { nticks: 5 },
    shapes: starts.map((x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: "--line", width: 1, dash: "dash" }, layer: "below" })),
  };
  return { data, layout };
}

/**
 * The same in a sentence, for whoever does not see it.
 * @param {Curve} curve
 */
export function says({ title, name, train, held }) {
  const words = name === "accuracy" ? percent : number;
  const way = (/** @type {{y: number[]}} */ { y }) => (y.length > 1 ? `from ${words(y[0])} to ${words(y.at(-1))}` : words(y[0]));
  return [train.y.length ? `${title} ${way(train)}` : "", held.y.length ? `${title} of held-out steers ${way(held)}` : ""].filter(Boolean).join("; ");
}

/**
 * Replaces every "--name" in a specification.
 * @param {any} value
 * @param {(name: string) => string} colour
 * @returns {any}
 */
export function coloured(value, colour) {
  if (typeof value === "string") return value.startsWith("--") ? colour(value) : value;
  if (Array.isArray(value)) return value.map((item) => coloured(item, colour));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, colour)]));
}

/**
 * What all figures have in common.
 * @param {{data: Json[], layout: Json}} figure
 * @param {(name: string) => string} colour
 */
export function themed({ data, layout }, colour) {
  const axis = { gridcolor: "--line", linecolor: "--line", zerolinecolor: "--line", tickfont: { color: "--muted", size: 12 }, fixedrange: true, automargin: true };
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "--font", size: 13, color: "--text" },
    margin: { l: 40, r: 8, t: 6, b: 28 },
    hoverlabel: { bgcolor: "--surface", bordercolor: "--line-strong", font: { color: "--text" } },
    showlegend: false,
    dragmode: false,
    hovermode: "x",
    ...layout,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
  return coloured({ data, layout: whole }, colour);
}
