// @ts-check
/**
 * The reports of a running training as lines to be drawn. No DOM, no plotly here.
 *
 * A line is two parallel arrays. A look at held-out steers comes once, with a note, or with every report until the next look;
 * it says at which step it was. So a line of it has a point for each look.
 */

/** Points that a line has at most: more would be drawn over each other. */
const MOST = 1500;

/**
 * @typedef {import("./types.d.ts").Point} Point
 * @typedef {{x: number[], y: number[]}} Line
 * @typedef {{name: "loss" | "margin" | "accuracy", title: string, train: Line, held: Line}} Curve
 */

/** @type {{name: Curve["name"], title: string}[]} */
const SHOWN = [
  { name: "loss", title: "Loss" },
  { name: "margin", title: "Margin" },
  { name: "accuracy", title: "Accuracy" },
];

/**
 * @param {Point[]} points
 * @returns {Curve[]} those of which there is anything to show
 */
export function curves(points) {
  const training = points.filter(({ phase, note }) => phase === "train" && note === null);
  return SHOWN.map(({ name, title }) => ({
    name,
    title,
    train: thinned(line(training.map((point) => [point.step, point[name]]))),
    held: line(points.flatMap(({ step, held_out }) => (held_out ? [[held_out.step ?? step, held_out[name] ?? null]] : [])), points.some(({ held_out }) => held_out && held_out.step === undefined)),
  })).filter(({ train, held }) => train.x.length + held.x.length > 0);
}

/**
 * @param {(number | null)[][]} places steps and values
 * @param {boolean} [same] whether the same value again is the same look: where looks don't say their steps
 * @returns {Line}
 */
function line(places, same = false) {
  /** @type {Line} */
  const found = { x: [], y: [] };
  for (const [x, y] of places) {
    if (x === null || y === null || !Number.isFinite(y) || (same && y === found.y.at(-1))) continue;
    if (found.x.at(-1) === x) {
      found.y[found.y.length - 1] = y; // a later report of the same step
      continue;
    }
    found.x.push(x);
    found.y.push(y);
  }
  return found;
}

/**
 * At most so many points, with the first and the last.
 * @param {Line} line
 * @param {number} [most]
 * @returns {Line}
 */
export function thinned({ x, y }, most = MOST) {
  if (x.length <= most) return { x, y };
  const kept = Array.from({ length: most }, (_, place) => Math.round((place * (x.length - 1)) / (most - 1)));
  return { x: kept.map((place) => x[place]), y: kept.map((place) => y[place]) };
}

/**
 * Where each epoch but the first begins: a value there is a mean of few steps, so the line may jump.
 * @param {Point[]} points
 * @returns {number[]}
 */
export function epochs(points) {
  /** @type {number[]} */
  const starts = [];
  let epoch = 0;
  for (const point of points) {
    if (point.phase !== "train" || point.note !== null || point.epoch <= epoch) continue;
    if (epoch > 0) starts.push(point.step);
    epoch = point.epoch;
  }
  return starts;
}

/**
 * What was said during the run, each once, in order.
 * @param {Point[]} points
 * @returns {string[]}
 */
export function notes(points) {
  return [...new Set(points.flatMap(({ note }) => (note === null ? [] : [note])))];
}
