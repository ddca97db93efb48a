// @ts-check
/**
 * What of the tokens that are shown can stay. DOM-free.
 */

/** @import * as T from "../types.d.ts" */

/**
 * How many tokens at the beginning look the same before and after. Costs nothing where the objects are the same.
 * @param {T.TokenView[]} before
 * @param {T.TokenView[]} after
 */
export function kept(before, after) {
  if (before === after) return after.length;
  const most = Math.min(before.length, after.length);
  let depth = 0;
  while (depth < most && (before[depth] === after[depth] || alike(before[depth], after[depth]))) depth++;
  return depth;
}

/** The span that a token is in is not seen. @param {T.TokenView} one @param {T.TokenView} other */
function alike(one, other) {
  return (
    one.id === other.id && one.text === other.text && one.source === other.source && one.logprob === other.logprob && one.ends === other.ends
  );
}

/**
 * The tokens in paragraphs: a token that ends with a line break ends its paragraph. Tells whether `depth` begins one.
 * @param {T.TokenView[]} tokens
 * @param {number} depth
 */
export function beginsParagraph(tokens, depth) {
  return depth === 0 || tokens[depth - 1].text.endsWith("\n");
}
