// @ts-check
/**
 * Where to look next in an answer that nobody has read yet, by how sure the model was. DOM-free.
 *
 * A mistake makes what follows it unlikely, so the earliest of several doubtful tokens is the one to see first; but good
 * words can be unlikely too, so only tokens that are about as doubtful as the least sure of all compete. What is left
 * over competes again. Places that a predictor proposes come after the first of them: nothing has shown that it finds
 * what the model's own doubt does not (`benchmarks/spliced.py`, `benchmarks/proposals.py`; their `looks` is `places`).
 */

import { level } from "./shading.js";

/** @import * as T from "../types.d.ts" */

export const TIMES = 10; // as likely as the least likely token: still about as doubtful
export const APART = 5; // tokens: nearer ones are about the same place

/**
 * Depths worth looking at, in the order in which to look. Only tokens that are shaded, and only after the last steer:
 * what stands before it was read and let stand.
 * @param {T.TokenView[]} tokens
 * @param {number} unlikely as for shading
 * @param {number[]} [proposed] depths that a predictor proposes
 * @returns {number[]}
 */
export function places(tokens, unlikely, proposed = []) {
  /** @type {{depth: number, logprob: number}[]} */
  let left = [];
  for (let depth = unread(tokens); depth < tokens.length; depth++) {
    const { logprob } = tokens[depth];
    if (logprob !== null && level(logprob, unlikely) > 0) left.push({ depth, logprob });
  }
  /** @type {number[]} */
  const found = [];
  const near = new Set();
  const add = (/** @type {number} */ depth) => {
    found.push(depth);
    for (let by = -APART; by <= APART; by++) near.add(depth + by);
  };
  do {
    const bar = left.reduce((least, { logprob }) => Math.min(least, logprob), 0) + Math.log(TIMES);
    for (const { depth, logprob } of left)
      if (logprob <= bar && !near.has(depth)) add(depth);
    for (const depth of proposed) if (!found.includes(depth)) add(depth);
    left = left.filter(({ depth, logprob }) => logprob > bar && !near.has(depth));
  } while (left.length);
  return found;
}

/** Where the tokens after the last steer begin; the beginning, where there is none. @param {T.TokenView[]} tokens */
export function unread(tokens) {
  return tokens.findLastIndex(({ source }) => source !== "model") + 1;
}

/**
 * The place to go to from `at`: back along the way that one came (−1); or along it again, and at its end to the next
 * place that one has not been to. Null if there is none.
 * @param {number[]} found places in the order in which to look
 * @param {number[]} seen places that one has been to, in this order
 * @param {number | null} at
 * @param {1 | -1} direction
 */
export function next(found, seen, at, direction) {
  const here = at === null ? -1 : seen.indexOf(at);
  if (direction < 0) return (here < 0 ? seen.at(-1) : seen[here - 1]) ?? null;
  if (here >= 0 && here + 1 < seen.length) return seen[here + 1];
  return found.find((depth) => depth !== at && !seen.includes(depth)) ?? null;
}
