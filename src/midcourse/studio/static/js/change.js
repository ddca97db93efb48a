// @ts-check
/**
 * How much another state of the model changes its mind about a token, in steps that can be seen. No DOM here.
 *
 * A difference is in nats: the other side's log-probability minus this side's. Five steps each way would be colours
 * that nobody tells apart; three, with an underline that differs too, can be told without colour.
 */

/** Nats from which on a change is a little, clear, strong: factors of about 1.6, 4.5 and 20. */
export const STEPS = [0.5, 1.5, 3];

/**
 * @typedef {{direction: "likelier" | "less" | "same" | "unknown", step: 0 | 1 | 2 | 3, difference: number | null}} Change
 */

/**
 * @param {{logprob: number, other: number | null}} token
 * @returns {Change} what the other side thinks of it, compared with the side that wrote it
 */
export function change({ logprob, other }) {
  if (other === null) return { direction: "unknown", step: 0, difference: null };
  const difference = other - logprob;
  const step = /** @type {0 | 1 | 2 | 3} */ (STEPS.filter((least) => Math.abs(difference) >= least).length);
  if (step === 0) return { direction: "same", step, difference };
  return { direction: difference > 0 ? "likelier" : "less", step, difference };
}

/**
 * A probability as a person reads it: "37 %", "0.4 %", "1 in 80,000".
 * @param {number} logprob
 */
export function chance(logprob) {
  const share = Math.exp(logprob);
  if (share >= 0.9995) return "100 %";
  if (share >= 0.1) return `${Math.round(share * 100)} %`;
  if (share >= 0.001) return `${(share * 100).toFixed(share >= 0.01 ? 1 : 2)} %`;
  const inverse = Math.exp(-logprob);
  return inverse < 1e12 ? `1 in ${Number(inverse.toPrecision(2)).toLocaleString("en")}` : "next to never";
}

/**
 * What is said of a token: by its own side, and by the other.
 * @param {{logprob: number, other: number | null}} token
 * @param {string} own how the side that wrote it is called
 * @param {string} others
 */
export function says(token, own, others) {
  const { direction, difference } = change(token);
  const first = `${own}: ${chance(token.logprob)}`;
  if (token.other === null || difference === null) return first;
  const factor = Math.exp(Math.abs(difference));
  const times = factor < 10 ? factor.toFixed(1) : factor < 1e6 ? Math.round(factor).toLocaleString("en") : "over a million";
  const words = { likelier: `${times} × likelier there`, less: `${times} × less likely there`, same: "much the same", unknown: "" };
  return `${first} · ${others}: ${chance(token.other)} · ${words[direction]}`;
}

/**
 * A side's answer in one sentence.
 * @param {{logprob: number, other: number | null}[]} tokens
 */
export function tally(tokens) {
  const known = tokens.map(change).filter(({ direction }) => direction !== "unknown");
  return {
    tokens: tokens.length,
    known: known.length,
    likelier: known.filter(({ direction }) => direction === "likelier").length,
    less: known.filter(({ direction }) => direction === "less").length,
  };
}
