// @ts-check
/**
 * The first minute's lesson: what it waits for, step by step. Each step is over when the real thing has happened. DOM-free.
 */

import { keyFor } from "./keys.js";

/** @import {State} from "./state.js" */
/** @typedef {"start" | "stop" | "correct" | "keep" | "review" | "end"} Step */
/** @typedef {{step: Step, steers: number}} Lesson `steers`: of the trace, when the correction was begun */

/** @type {Step[]} */
export const STEPS = ["start", "stop", "correct", "keep", "review", "end"];

/** @type {Lesson} */
export const BEGIN = { step: "start", steers: 0 };

/**
 * Where the lesson is, now that the page is like this.
 * @param {Lesson} lesson
 * @param {Pick<State, "trace" | "route">} state
 * @param {boolean} line whether the correction line is open
 * @returns {Lesson} the same object if nothing has changed
 */
export function advance(lesson, { trace, route }, line) {
  const { step, steers } = lesson;
  if (["stop", "correct", "keep"].includes(step) && route.view === "steer" && !route.id) return BEGIN; // another conversation is begun
  if (step === "start" && trace && route.id && trace.tokens.length) return { step: "stop", steers: trace.steers.length };
  if (step === "stop" && trace?.run.state === "idle") return { step: "correct", steers: trace.steers.length };
  if (step === "stop" && line) return { step: "keep", steers };
  if ((step === "correct" || step === "keep") && trace && trace.steers.length > steers) return { step: "review", steers };
  if (step === "correct" && line) return { step: "keep", steers };
  if (step === "keep" && !line && trace?.run.state === "idle") return { step: "correct", steers };
  if (step === "review" && route.view === "review") return { step: "end", steers };
  return lesson;
}

/**
 * What a step says: what to do, and why.
 * @param {Step} step
 * @returns {[string, string]}
 */
export function says(step) {
  switch (step) {
    case "start":
      return ["Let the model write.", `Choose an idea below or type your own, then press Start.`];
    case "stop":
      return [`Press ${keyFor("stop")} or Stop`, "as soon as it goes off track. Nothing is lost."];
    case "correct":
      return ["Choose the first wrong word:", `click it, or walk with ${keyFor("left")} ${keyFor("right")} and press ${keyFor("correct")}. If all is well, one that could be better.`];
    case "keep":
      return ["Put it right:", `type how it should go on, or take an alternative by its number. ${keyFor("keep")} keeps it as a steer.`];
    case "review":
      return ["Kept, and the model goes on from your words.", "These tokens, not those, at this one place: that is what you train on."];
    case "end":
      return ["Every steer is here.", "With some more of them, Train makes an adapter, and Compare shows the difference."];
  }
}
