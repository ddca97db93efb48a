// @ts-check
/**
 * What is asked of an answer: a value for some attributes, and how far to go towards them. DOM-free values.
 *
 * An attribute that is not among `attributes` may be as it likes. Guidance 1 is the model as it is.
 */

/** @import * as T from "./types.d.ts" */
/** @typedef {{attributes: Record<string, number>, guidance: number}} Asked */

/** @type {Asked} */
export const NOTHING = { attributes: {}, guidance: 1 };
export const STRONGEST = 20;

/** A value as it is said: `4`, `2.5`. @param {number} value */
export const written = (value) => String(Number(value.toPrecision(6)));

/** A value on its scale: `4, exhaustive`; `any` where there is none. @param {T.DialView} dial @param {number | undefined} value */
export function placed({ minimum, maximum, low, high }, value) {
  if (value === undefined) return "any";
  const end = value === minimum ? low : value === maximum ? high : "";
  return end ? `${written(value)}, ${end}` : `${written(value)} of ${written(minimum)} to ${written(maximum)}`;
}

/** One word for each thing that is asked for: `verbosity 1`, `γ 1.5`. @param {Record<string, number>} attributes @param {number} [guidance] */
export function words(attributes, guidance = 1) {
  const said = Object.entries(attributes).map(([name, value]) => `${named(name)} ${written(value)}`);
  return said.length && guidance !== 1 ? [...said, `γ ${written(guidance)}`] : said;
}

/** The name of an attribute as it is shown. @param {string} name */
export const named = (name) => name.replaceAll("_", " ");

/** What of it these dials can ask for. @param {Asked} asked @param {T.DialsView | null | undefined} dials @returns {Asked} */
export function fitting({ attributes, guidance }, dials) {
  /** @type {Record<string, number>} */
  const found = {};
  for (const { name, minimum, maximum } of dials?.dials ?? []) {
    const value = attributes[name];
    if (typeof value === "number" && value >= minimum && value <= maximum) found[name] = value;
  }
  return { attributes: found, guidance: guidance >= 0 && guidance <= STRONGEST ? guidance : 1 };
}

/** The better end of each attribute that has one. @param {T.DialsView} dials */
export function best({ dials }) {
  const ends = dials.filter(({ better }) => better !== "neither").map(({ name, better, minimum, maximum }) => [name, better === "higher" ? maximum : minimum]);
  return /** @type {Record<string, number>} */ (Object.fromEntries(ends));
}

/** Whether both ask for the same. @param {Asked} one @param {Asked} other */
export function same(one, other) {
  const names = Object.keys(one.attributes);
  const alike = names.length === Object.keys(other.attributes).length && names.every((name) => one.attributes[name] === other.attributes[name]);
  return alike && (one.guidance === other.guidance || !names.length);
}

/** For an address: `verbosity=1,helpfulness=4,γ=1.5`. @param {Asked} asked */
export function inAddress({ attributes, guidance }) {
  const parts = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return [...parts, ...(guidance === 1 ? [] : [`γ=${guidance}`])].join(",");
}

/** From an address; what is no number is left out. @param {string} text @returns {Asked} */
export function ofAddress(text) {
  const pairs = text.split(",").map((part) => part.split("="));
  const numbers = pairs.map(([name, value]) => /** @type {[string, number]} */ ([name, Number(value || "NaN")])).filter(([name, value]) => name && Number.isFinite(value));
  const { γ: guidance = 1, ...attributes } = Object.fromEntries(numbers);
  return { attributes, guidance };
}

/** The filter of a list for an attribute, and a value of it: `verbosity:1..1`. @param {string} name @param {string} value */
export const filter = (name, value) => (name && value ? `${name}:${value}..${value}` : name);

/** Name and value of such a filter; the value is "" if any will do. @param {string | undefined} text */
export function filtered(text = "") {
  const found = /^(.*):(-?[\d.]+)\.\.\2$/s.exec(text);
  return found ? { name: found[1], value: found[2] } : { name: text, value: "" };
}
