/** Tokens and traces for the tests of the answer. */

export const token = (text, more = {}) => ({ id: 1, text, logprob: Math.log(0.9), source: "model", span: 0, ends: false, ...more });

/** An answer of words, each token with an id of its own; `|` separates tokens. */
export const answer = (text) => (text ? text.split("|").map((part, id) => token(part, { id })) : []);

export const trace = (text, more = {}) => ({
  id: "t", version: 3, tokens: answer(text), alternatives: [], forks: [], steers: [], readonly: null, ended: false, finished: false,
  run: { state: "idle" }, sampling: { temperature: 0.7 }, ...more,
});

export const alternatives = (...texts) => texts.map((text, id) => ({ id, text, logprob: Math.log(0.5 / (id + 1)), ends: false }));
