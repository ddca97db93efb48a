// @ts-check
/**
 * What the table says of a steer, and how the address names a filter. No DOM here.
 */

import { many } from "./words.js";

/** @import * as T from "./types.d.ts" */
/** @import {SteerFilter} from "./api.js" */

/** @type {Record<T.SteerRowView["kind"], string>} */
export const KINDS = { correction: "Correction", insertion: "Insertion", ending: "Ending", mark: "Mark" };

/** @param {T.SteerRowView} steer */
export function keyOf(steer) {
  return `${steer.trace}#${steer.number}`;
}

/**
 * Text on few lines: what breaks them is shown as a sign.
 * @param {string} text
 */
export function flat(text) {
  return text.replace(/\r?\n/g, "↵ ").replace(/\t/g, "⇥ ");
}

/**
 * The last words before a steer.
 * @param {string} text
 * @param {number} [most] characters
 */
export function tail(text, most = 96) {
  if (text.length <= most) return text;
  const cut = text.slice(-most);
  return `…${cut.slice(cut.search(/\s/) + 1)}`;
}

/**
 * What stands in the place of a correction: its text, or why there is none.
 * @param {T.SteerRowView} steer
 * @returns {{text: string, real: boolean}} `real`: the correction itself
 */
export function correction({ chosen, kind, ends }) {
  if (kind === "mark") return { text: "no correction", real: false };
  if (chosen === null) return { text: "text not known", real: false };
  if (chosen === "" && ends) return { text: "the answer ends here", real: false };
  return { text: chosen, real: true };
}

/**
 * A row in a sentence, for whoever hears it.
 * @param {T.SteerRowView} steer
 */
export function sentence(steer) {
  const { text, real } = correction(steer);
  const rejected = (steer.rejected ?? []).filter(Boolean);
  return [
    `${KINDS[steer.kind]}: ${real ? `“${text}”` : text}${rejected.length ? ` instead of ${rejected.map((own) => `“${own}”`).join(", ")}` : ""}`,
    steer.context ? `after “${tail(steer.context, 60)}”` : "",
    steer.reason ? `reason: ${steer.reason}` : "",
    steer.tags.length ? `tags: ${steer.tags.join(", ")}` : "",
    steer.serves.length ? `serves ${steer.serves.join(", ")}` : "",
    steer.weight === 1 ? "" : `weight ${steer.weight}`,
    steer.author ? `by ${steer.author}` : "",
    steer.abandoned ? "on an abandoned branch" : "",
    steer.aside ? "set aside" : "",
  ]
    .filter(Boolean)
    .join("; ");
}

const TEXTS = /** @type {const} */ (["text", "tag", "author", "serves", "kind", "trace"]);
const FLAGS = /** @type {const} */ (["aside", "abandoned"]);

/**
 * @param {Record<string, string>} query of the address
 * @returns {SteerFilter}
 */
export function filterOf(query) {
  /** @type {SteerFilter} */
  const filter = {};
  for (const name of TEXTS) if (query[name]) filter[name] = query[name];
  for (const name of FLAGS) if (query[name] === "yes" || query[name] === "no") filter[name] = query[name] === "yes";
  return filter;
}

/**
 * @param {SteerFilter} filter
 * @returns {Record<string, string>}
 */
export function queryOf(filter) {
  /** @type {Record<string, string>} */
  const query = {};
  for (const name of TEXTS) if (filter[name]) query[name] = filter[name];
  for (const name of FLAGS) if (filter[name] !== undefined) query[name] = filter[name] ? "yes" : "no";
  return query;
}

/**
 * What several steers are changed to, each from what it is: tags are added to its own.
 * @param {T.SteerRowView} steer
 * @param {{add?: string[], remove?: string[], change?: T.SteerChange}} wish
 * @returns {T.SteerChange | null} null if it is so already
 */
export function changeOf(steer, { add = [], remove = [], change = {} }) {
  const tags = [...new Set([...steer.tags, ...add])].filter((tag) => !remove.includes(tag));
  /** @type {Record<string, unknown>} */
  const needed = {};
  for (const [name, value] of Object.entries(change)) {
    const own = steer[/** @type {keyof T.SteerRowView} */ (name)] ?? "";
    if (value !== undefined && value !== null && String(own) !== String(value)) needed[name] = value;
  }
  if (tags.join("\n") !== steer.tags.join("\n")) needed.tags = tags;
  return Object.keys(needed).length ? /** @type {T.SteerChange} */ (needed) : null;
}

/**
 * How far a change of several has come, in a sentence.
 * @param {{done: number, failed: number, all: number}} progress
 */
export function progressOf({ done, failed, all }) {
  const ended = done + failed === all;
  const what = ended ? `${many(done, "steer")} changed` : `${done + failed} of ${many(all, "steer")}`;
  return failed ? `${what}; ${failed} could not be` : what;
}
