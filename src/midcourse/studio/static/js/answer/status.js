// @ts-check
/**
 * What the model is doing, in a line; and what of its answer to read aloud. DOM-free.
 */

import { counted } from "./words.js";

/** @import * as T from "../types.d.ts" */

const whole = (/** @type {number} */ number) => Math.round(number).toLocaleString("en");

/** What the model is doing now, or why it does nothing. @param {T.RunView} run */
export function doing(run) {
  switch (run.state) {
    case "queued":
      return run.ahead ? `Waiting: ${counted(run.ahead, "other")} first` : "Waiting for the model";
    case "reading":
      return "Reading";
    case "writing":
      return run.tokens_per_second ? `Writing, ${whole(run.tokens_per_second)} tokens/s` : "Writing";
  }
  switch (run.ended) {
    case "end":
      return "The model ended its answer";
    case "limit":
      return `Paused after ${counted(run.tokens, "token")}`;
    case "stopped":
      return "Stopped";
    case "left":
      return "Stopped while nobody was watching";
    case "failed":
      return run.message ?? "The model failed";
    default:
      return "";
  }
}

/** How fast it went on; "" while that is unknown. @param {T.RunView} run */
export function resumed({ reused, read, first_token_ms }) {
  if (first_token_ms === null) return "";
  const time = first_token_ms < 10 ? first_token_ms.toFixed(1) : whole(first_token_ms);
  if (reused === null) return `First word in ${time} ms`;
  if (reused === 0) return `Read ${counted(read ?? 0, "token")}, first word in ${time} ms`;
  return `Reused ${counted(reused, "token")}, resumed in ${time} ms`;
}

const SENTENCE = /[.!?…:](?=["'”’)\]]*\s)["'”’)\]]*\s+|\n+/gu;

/**
 * The whole sentences at the beginning of what was not read aloud yet, and what remains.
 * @param {string} text
 * @param {boolean} last whether no more will come
 */
export function sentences(text, last) {
  if (last) return { say: text.trim(), rest: "" };
  let until = 0;
  for (const found of text.matchAll(SENTENCE)) until = found.index + found[0].length;
  return { say: text.slice(0, until).trim(), rest: text.slice(until) };
}
