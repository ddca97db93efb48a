// @ts-check
/**
 * A correction that is being made: where, what is typed so far, and what is said about it. DOM-free values.
 *
 * `text` never holds the space that sets the correction apart from the word before; `space` says whether it is there. It
 * comes by itself where a space stood, goes where punctuation is typed, and can be taken away; `settled` once the person has decided.
 * A draft lives until the server has acknowledged it: it survives errors, a lost server and changes from elsewhere.
 */

import { percent, visible } from "./words.js";

/** @import * as T from "../types.d.ts" */
/** @import {Trace} from "../trace.js" */

/**
 * `before` are the ids of the tokens before `depth`, by which the place is recognised. `sent`: how many characters stood before
 * it when it was sent and nothing was heard of it since; null if it was not sent, or refused.
 * @typedef {{
 *   trace: string, depth: number, stop: number | null, before: number[],
 *   text: string, space: boolean, settled: boolean, literal: boolean,
 *   reason: string, tags: string[], weight: number, serves: string[],
 *   sending: boolean, sent: number | null, problem: string | null,
 * }} Draft
 */

const CLOSES = /^(?:[.,;:!?…)\]}»”%]|['’](?:s|t|d|m|re|ve|ll)(?![\p{L}]))/u;

/**
 * At a place that was proposed, it serves the attribute that falls there.
 * @param {Trace} trace @param {number} depth @param {number | null} [stop] @returns {Draft}
 */
export function begun(trace, depth, stop = null) {
  return {
    trace: trace.id,
    depth,
    stop: stop !== null && stop < trace.tokens.length ? stop : null,
    before: trace.tokens.slice(0, depth).map(({ id }) => id),
    text: "",
    space: wantsSpace(trace, depth),
    settled: false,
    literal: false,
    reason: "",
    tags: [],
    weight: 1,
    serves: (trace.proposals?.proposals ?? []).filter((one) => one.depth === depth).flatMap(({ attribute }) => attribute ?? []),
    sending: false,
    sent: null,
    problem: null,
  };
}

/**
 * Whether a word typed here is a new word: a blank stood here or, at the end, would most likely come.
 * @param {Trace} trace
 * @param {number} depth
 */
export function wantsSpace({ tokens, alternatives }, depth) {
  const before = tokens.slice(0, depth).findLast(({ text }) => text !== "")?.text ?? "";
  if (before === "" || /\s$/.test(before)) return false;
  const there = tokens[depth];
  if (there && !there.ends) return /^\s/.test(there.text);
  const likely = (alternatives[depth] ?? []).filter(({ ends }) => !ends);
  const spaced = mass(likely.filter(({ text }) => /^\s/.test(text)));
  return likely.length ? spaced > mass(likely) / 2 : /[\p{L}\p{N}.,;:!?)]$/u.test(before);
}

/** @param {T.AlternativeView[]} some */
const mass = (some) => some.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);

/** After typing. @param {Draft} draft @param {string} text what the field holds @returns {Draft} */
export function typed(draft, text) {
  const literal = draft.literal && text === "" ? false : draft.literal;
  return { ...draft, text, literal, problem: draft.sending ? draft.problem : null };
}

/** Whether a space comes first: by itself not before what closes. @param {Draft} draft */
export function spaced({ text, space, settled }) {
  return space && (settled || !CLOSES.test(text));
}

/** Exactly what is put there. @param {Draft} draft */
export function exact(draft) {
  return draft.text === "" ? "" : (spaced(draft) ? " " : "") + draft.text;
}

/**
 * What Space and Backspace do at the beginning of the line; null where they are ordinary keys.
 * Space where one comes anyway settles that it does, and that digits are typed; Backspace takes it away, or settles the digits.
 * @param {Draft} draft
 * @param {"Space" | "Backspace"} key
 * @returns {Draft | null}
 */
export function atBeginning(draft, key) {
  if (key === "Space") return draft.space && !draft.settled ? { ...draft, settled: true, literal: true } : null;
  if (spaced(draft)) return { ...draft, space: false, settled: true };
  return draft.text === "" && !draft.literal ? { ...draft, literal: true } : null;
}

/** @param {Draft} draft @returns {Draft} */
export function toggledSpace(draft) {
  return { ...draft, space: !spaced(draft), settled: true };
}

/** Whether digits take alternatives. @param {Draft} draft */
export const picks = ({ text, literal }) => text === "" && !literal;

/**
 * The command. Without text, Enter keeps nothing: see `empty`.
 * @param {Draft} draft
 * @param {T.NewSteer["action"]} action
 * @param {number} version
 * @param {number | null} [token] to `pick`
 * @returns {T.NewSteer}
 */
export function command(draft, action, version, token = null) {
  const text = action === "correct" || action === "write" ? exact(draft) : "";
  const { depth, stop, reason, tags, weight, serves } = draft;
  const about = action === "write" ? { reason: null, tags: [], weight: 1, serves: [] } : { reason: reason.trim() || null, tags, weight, serves };
  return { version, action, depth, stop: action === "write" ? null : stop, text, token, ends: false, ...about, go_on: action !== "mark" && action !== "end" };
}

/** What is typed so far, for the server. @param {Draft} draft @param {number} version @returns {T.Draft} */
export function told(draft, version) {
  return { version, depth: draft.depth, stop: draft.stop, text: exact(draft) };
}

/**
 * What a change of the trace means for a draft: it stays where it is if the tokens before it are the same; otherwise it stays
 * open with its text at the place where the answer went another way, and says so.
 * @param {Draft} draft
 * @param {Trace} trace
 * @returns {Draft}
 */
export function followed(draft, trace) {
  const { tokens } = trace;
  const parts = draft.before.findIndex((id, depth) => tokens[depth]?.id !== id);
  if (parts >= 0) {
    const before = tokens.slice(0, parts).map(({ id }) => id);
    return { ...draft, depth: parts, stop: null, before, sending: false, problem: "The answer has changed before this place, here or in another tab. Look where the line stands now." };
  }
  return draft.stop !== null && draft.stop >= tokens.length ? { ...draft, stop: null } : draft;
}

/**
 * Why a draft cannot be sent yet; null if it can.
 * @param {Draft} draft
 * @param {T.NewSteer["action"]} action
 * @param {Trace} trace
 */
export function missing(draft, action, { tokens }) {
  if (action === "mark" && draft.depth >= tokens.length) return "Nothing follows here that could be marked.";
  if ((action !== "correct" && action !== "write") || exact(draft) !== "") return null;
  return draft.depth < tokens.length
    ? "Nothing is typed yet. Type what it should say, take one of the words above, or say that it should have ended here."
    : "Nothing is typed yet. Type what comes next, or take one of the words above.";
}

/** On its way to the server. @param {Draft} draft @param {Trace} trace @returns {Draft} */
export function sending(draft, { tokens }) {
  return { ...draft, sending: true, sent: said(tokens.slice(0, draft.depth)).length, problem: null };
}

/**
 * Whether the answer says by now what was sent: then the server had it, although the page never heard so.
 * @param {Draft} draft
 * @param {Trace} trace
 */
export function arrived(draft, { tokens }) {
  return draft.sent !== null && draft.text !== "" && said(tokens).startsWith(exact(draft), draft.sent);
}

/** @param {T.TokenView[]} tokens */
const said = (tokens) => tokens.map(({ text }) => text).join("");

/** A draft as text, to be kept in the browser. @param {Draft} draft */
export const written = (draft) => JSON.stringify({ ...draft, sending: false, problem: null });

/** @param {string} text @returns {Draft | null} null if it is none */
export function parsed(text) {
  try {
    const found = JSON.parse(text);
    const whole = typeof found.text === "string" && Array.isArray(found.before) && found.before.length === found.depth && Array.isArray(found.tags);
    return whole ? { ...found, serves: found.serves ?? [], sent: found.sent ?? null } : null;
  } catch {
    return null; // of another version of the page
  }
}

const KEPT = "What you typed is still here; Enter tries again.";

/** After the server refused or was not reached. @param {Draft} draft @param {{code: string, message: string}} error @returns {Draft} */
export function refused(draft, { code, message }) {
  const stale = "The answer has changed meanwhile, here or in another tab.";
  return { ...draft, sending: false, sent: code === "offline" ? draft.sent : null, problem: `${code === "stale" ? stale : message} ${draft.text ? KEPT : ""}`.trim() };
}

/** How an alternative reads. @param {T.AlternativeView} alternative */
export function offered(alternative) {
  const part = alternative.text === "" || alternative.text.includes("\ufffd"); // of a character that other tokens complete
  return { text: alternative.ends ? "⟨end⟩" : part ? "⟨part⟩" : visible(alternative.text, 24), share: Math.exp(alternative.logprob), percent: percent(alternative.logprob) };
}
