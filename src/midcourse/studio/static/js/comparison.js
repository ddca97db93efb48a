// @ts-check
/**
 * A comparison as its events build it up. No DOM here.
 *
 * `tokens` of a side grow one by one while it writes, and are put in their place at once, with what the other side thinks of
 * them, when both are done (`whole`). A prompt that failed has `error`, and the others go on.
 */

/** @import * as T from "./types.d.ts" */
/** @typedef {"left" | "right"} SideName */
/** @typedef {{tokens: T.ComparedToken[], whole: boolean}} Side */
/** @typedef {{text: string, left: Side, right: Side, error: string | null}} Compared */
/** @typedef {{prompts: Compared[], state: "running" | "done" | "stopped" | "failed", error: string | null}} Comparison */

/** @returns {Comparison} */
export function begun() {
  return { prompts: [], state: "running", error: null };
}

/**
 * @param {Comparison} comparison
 * @param {T.ComparisonEvent} event
 * @returns {Comparison}
 */
export function followed(comparison, event) {
  const { kind, prompt, side } = event;
  switch (kind) {
    case "begin":
      return placed(comparison, prompt, { text: event.text ?? "", left: empty(), right: empty(), error: null });
    case "end":
      return { ...comparison, state: "done" };
    case "error":
      if (!comparison.prompts[prompt]) return { ...comparison, state: "failed", error: event.message };
      return placed(comparison, prompt, { ...comparison.prompts[prompt], error: event.message });
    case "token":
      return sided(comparison, prompt, side, (own) => (event.token ? { ...own, tokens: [...own.tokens, event.token] } : own));
    default:
      return sided(comparison, prompt, side, (own) => ({ tokens: event.tokens ?? own.tokens, whole: true }));
  }
}

/** @param {Comparison} comparison @param {string | null} error why, or null if a person stopped it */
export function broken(comparison, error) {
  return { ...comparison, state: /** @type {Comparison["state"]} */ (error === null ? "stopped" : "failed"), error };
}

/** @returns {Side} */
function empty() {
  return { tokens: [], whole: false };
}

/** @param {Comparison} comparison @param {number} at @param {Compared} compared */
function placed(comparison, at, compared) {
  const prompts = [...comparison.prompts];
  prompts[at] = compared;
  return { ...comparison, prompts };
}

/**
 * @param {Comparison} comparison
 * @param {number} at
 * @param {SideName | null} side
 * @param {(side: Side) => Side} change
 */
function sided(comparison, at, side, change) {
  const compared = comparison.prompts[at];
  return compared && side ? placed(comparison, at, { ...compared, [side]: change(compared[side]) }) : comparison;
}
