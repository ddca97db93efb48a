// @ts-check
/**
 * How a token is named: for the eye, where blanks must be seen, and for a screen reader, where they must be heard. DOM-free.
 */

/** @import * as T from "../types.d.ts" */

const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍" };

/** A probability for people: `97 %`, `0.4 %`, `<0.1 %`. @param {number} logprob in nats */
export function percent(logprob) {
  const share = 100 * Math.exp(logprob);
  if (share < 0.1) return "<0.1 %";
  if (share < 1) return `${share.toFixed(1)} %`;
  return `${Math.min(Math.round(share), share < 99.95 ? 99 : 100)} %`;
}

/** A text with its blanks made visible, cut where it is long. @param {string} text @param {number} [most] characters */
export function visible(text, most = 60) {
  const signed = text.replace(/^ +| +$|[\n\t\r]/g, (blanks) =>
    [...blanks].map((blank) => SIGNS[/** @type {keyof typeof SIGNS} */ (blank)]).join(""),
  );
  const characters = [...signed];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : signed;
}

/** @param {{text: string, ends?: boolean}} token */
export function named({ text, ends }) {
  if (ends) return "⟨end⟩";
  return text === "" ? "⟨part of a character⟩" : visible(text);
}

/** @param {{text: string, ends?: boolean}} token */
export function spoken({ text, ends }) {
  if (ends) return "end of the answer";
  if (text === "") return "part of a character";
  if (text.trim() !== "") return `“${text.trim()}”`;
  const breaks = text.split("\n").length - 1;
  if (breaks > 0) return breaks === 1 ? "line break" : `${breaks} line breaks`;
  if (text.includes("\t")) return "tab";
  return text.length === 1 ? "space" : `${text.length} spaces`;
}

const SOURCES = { model: "model", human: "by hand", teacher: "by a teacher", import: "imported" };

/** Who wrote it. @param {T.TokenView["source"]} source */
export const writer = (source) => SOURCES[source];

/** Why a place was proposed: `helpfulness 0.8 worse from here`. @param {T.ProposalView} proposal */
export function proposed({ attribute, drop }) {
  return attribute === null ? "unlikely here" : `${attribute.replaceAll("_", " ")} ${Number(drop.toPrecision(2))} worse from here`;
}

/**
 * All that is known of a token, in a line to be read aloud.
 * @param {T.TokenView} token @param {number} depth @param {number} count @param {T.ProposalView} [proposal]
 */
export function described(token, depth, count, proposal) {
  const sure = token.logprob === null ? "" : `, ${percent(token.logprob)}`;
  return `${spoken(token)}${sure}, ${writer(token.source)}, ${proposal ? `${proposed(proposal)}, ` : ""}token ${depth + 1} of ${count}`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
