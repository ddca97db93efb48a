// @ts-check
/**
 * How sure the model was of a token, in five levels: 0 sure … 3 unlikely, 4 very unlikely. DOM-free.
 *
 * One number, below which a token counts as unlikely, makes all bounds.
 */

/** The probabilities below which levels 4, 3, 2 and 1 begin. @param {number} unlikely */
export function bounds(unlikely) {
  return [unlikely / 4, unlikely, unlikely ** 0.5, unlikely ** 0.25];
}

/**
 * @param {number | null} logprob
 * @param {number} unlikely
 * @returns {0 | 1 | 2 | 3 | 4} 0 where nobody computed it
 */
export function level(logprob, unlikely) {
  if (logprob === null) return 0;
  const found = bounds(unlikely).findIndex((bound) => Math.exp(logprob) < bound);
  return /** @type {0 | 1 | 2 | 3 | 4} */ (found < 0 ? 0 : 4 - found);
}

/** What the levels mean, for a legend. @param {number} unlikely @returns {{level: number, text: string}[]} */
export function legend(unlikely) {
  const [very, , unsure, fairly] = bounds(unlikely).map((bound) => `${Number((100 * bound).toPrecision(2))} %`);
  return [
    { level: 1, text: `below ${fairly}` },
    { level: 2, text: `below ${unsure}` },
    { level: 3, text: `below ${Number((100 * unlikely).toPrecision(2))} %: unlikely` },
    { level: 4, text: `below ${very}` },
  ];
}
