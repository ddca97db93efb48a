// @ts-check
/**
 * The tree of a trace as a list that can be read: along the accepted answer, each fork with its ways on. DOM-free.
 */

import { counted, visible } from "./words.js";

/** @import * as T from "../types.d.ts" */
/** @import {Trace} from "../trace.js" */

/**
 * `context` is what stands before the fork. `steer` of a way that a steer began: its reason, "" if it has none.
 * @typedef {{depth: number, context: string, ways: Way[]}} Fork
 * @typedef {{number: number, current: boolean, text: string, about: string, steer: string | null, goto: T.PointView}} Way
 */

const CONTEXT = 5; // tokens

/** @param {Trace} trace @returns {Fork[]} */
export function outline({ forks, tokens, steers }) {
  return forks.map(({ depth, branches, current }) => ({
    depth,
    context: visible(tokens.slice(Math.max(0, depth - CONTEXT), depth).map(({ text }) => text).join("").trimStart(), 40),
    ways: branches.map((branch, number) => ({
      number,
      current: number === current,
      text: visible(branch.text.trim(), 48) || "⟨end⟩",
      about: aboutBranch(branch, number === current),
      steer: begunBy(steers, depth, branch),
      goto: branch.goto,
    })),
  }));
}

/** @param {T.BranchView} branch @param {boolean} current */
function aboutBranch({ source, tokens, steers }, current) {
  const who = { model: "", human: "by hand", teacher: "by a teacher", import: "imported" }[source];
  const count = steers ? counted(steers, "steer") + (current ? "" : steers === 1 ? ", still counts" : ", still count") : "";
  return [who, counted(tokens, "token"), count].filter(Boolean).join(" · ");
}

/** @param {T.SteerView[]} steers @param {number} depth @param {T.BranchView} branch */
function begunBy(steers, depth, { text, source }) {
  if (source === "model") return null;
  const alike = (/** @type {T.SteerView} */ { chosen }) => chosen !== null && (text.startsWith(chosen) || chosen.startsWith(text));
  const found = steers.find((steer) => steer.start === depth && alike(steer));
  return found ? (found.reason ?? "") : null;
}

/**
 * Where the way before (-1) or after (1) the present one is: at the fork nearest to `at` that is not after it, else the first.
 * @param {T.ForkView[]} forks
 * @param {number} at
 * @param {1 | -1} direction
 * @returns {{fork: T.ForkView, to: T.PointView} | null}
 */
export function sibling(forks, at, direction) {
  const fork = forks.findLast(({ depth }) => depth <= at) ?? forks[0];
  if (!fork || fork.branches.length < 2) return null;
  const { branches, current } = fork;
  return { fork, to: branches[(current + direction + branches.length) % branches.length].goto };
}

const KINDS = { correction: "Correction", insertion: "Insertion", ending: "Ending", mark: "Mark" };

/** What a steer says, in a line; its texts name an end as a token of theirs. @param {T.SteerView} steer */
export function steerLine({ kind, chosen, rejected }) {
  const put = visible((chosen ?? "").trim().replace(/(\S)⟨end⟩$/, "$1 ⟨end⟩"), 80);
  return { kind: KINDS[kind], rejected: rejected.map((text) => visible(text.trim(), 80) || "⟨end⟩"), chosen: put };
}

/** The steer whose tokens on the accepted answer hold depth `at`, or end right before it. @param {T.SteerView[]} steers @param {number} at */
export function steerAt(steers, at) {
  const here = steers.filter((steer) => steer.on_path && steer.start <= at);
  const until = (/** @type {T.SteerView} */ steer) => steer.chosen_stop ?? steer.rejected_stop ?? steer.start;
  return here.findLast((steer) => at < until(steer)) ?? here.findLast((steer) => at === until(steer)) ?? null;
}
