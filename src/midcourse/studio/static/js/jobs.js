// @ts-check
/**
 * What the page says of a job. No DOM here.
 */

import { count, duration, number, percent, size } from "./words.js";

/** @import * as T from "./types.d.ts" */

/** @type {Record<T.JobView["state"], string>} */
export const STATES = { waiting: "Waiting", running: "Running", stopping: "Stopping", stopped: "Stopped", done: "Done", failed: "Failed" };

/** Whether it is not over. @param {T.JobView} job */
export function under_way({ state }) {
  return state === "waiting" || state === "running" || state === "stopping";
}

/** "Training “tone”", "Measuring “tone”". @param {Pick<T.JobView, "kind" | "name">} job */
export function title({ kind, name }) {
  return `${kind === "train" ? "Training" : "Measuring"} “${name}”`;
}

/**
 * How far it is: a share of its present phase (null where unknown), and in words.
 * @param {T.JobView} job
 * @returns {{share: number | null, words: string[]}}
 */
export function progress({ state, progress: point, kind }) {
  if (state === "waiting") return { share: null, words: ["waits for its turn"] };
  if (!point) return { share: null, words: [state === "running" ? "starting" : STATES[state].toLowerCase()] };
  const { phase, step, steps, epoch, epochs, seconds_left, tokens_per_second } = point;
  const share = steps > 0 ? Math.min(1, step / steps) : null;
  const training = phase === "train" && kind === "train";
  if (phase === "note") return { share, words: steps ? [`step ${step} of ${steps}`] : ["starting"] };
  const words = training && epochs ? [`epoch ${epoch} of ${epochs}`, `step ${step} of ${steps}`] : [steps ? `${phase}: ${step} of ${steps}` : phase || "starting"];
  if (state === "running" && tokens_per_second) words.push(`${count(Math.round(tokens_per_second))} tokens/s`);
  if (state === "running" && seconds_left !== null) words.push(`${duration(seconds_left)} left`);
  return { share, words };
}

/** The last value of what is watched, in words. @param {T.Point | null} point */
export function watched(point) {
  if (!point) return [];
  const { loss, margin, accuracy } = point;
  return [
    loss === null ? "" : `loss ${number(loss)}`,
    margin === null ? "" : `margin ${number(margin)}`,
    accuracy === null ? "" : `accuracy ${percent(accuracy)}`,
  ].filter(Boolean);
}

/**
 * What became of a job, as names and values: the numbers that most people ask for.
 * @param {Record<string, any> | null} metrics
 * @returns {[string, string][]}
 */
export function outcomes(metrics) {
  if (!metrics) return [];
  const last = metrics.epochs?.at?.(-1) ?? {};
  const looks = metrics.held_out?.evaluations ?? [];
  const way = (/** @type {string} */ name) => (looks.length > 1 ? [looks[0][name], looks.at(-1)[name]] : undefined);
  const led = (/** @type {(value: number) => string} */ words) => (/** @type {number[]} */ [from, to]) => `${words(from)} → ${words(to)}`;
  const given = /** @type {[string, unknown, (value: any) => string][]} */ ([
    ["Steers", metrics.steers, count],
    ["Answers", metrics.traces, count],
    ["Steps", metrics.steps, count],
    ["Loss at the end", last.loss, number],
    ["Margin at the end", last.margin, number],
    ["Accuracy at the end", last.accuracy, percent],
    ["Held out: loss", way("loss"), led(number)],
    ["Held out: margin", way("margin"), led(number)],
    ["Held out: accuracy", way("accuracy"), led(percent)],
    ["Tokens an epoch", metrics.tokens, count],
    ["Time an epoch", metrics.seconds_per_epoch, duration],
    ["Peak memory", metrics.peak_memory_bytes, size],
    ["Computed in", metrics.dtype, String],
  ]);
  return given.filter(([, value]) => value !== undefined && value !== null && !(Array.isArray(value) && value.includes(null))).map(([name, value, words]) => [name, words(value)]);
}
