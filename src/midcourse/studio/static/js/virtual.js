// @ts-check
/**
 * Which rows of a long table are to be drawn. No DOM here.
 *
 * All rows are `row` pixels high, so a row's place is a product and nothing moves when others arrive. `top` is how far
 * the table's body is scrolled, `height` what can be seen of it.
 */

/** Rows drawn beyond what can be seen, so that the next frame of scrolling has them already. */
const SPARE = 6;

/**
 * The rows to draw: from `first` up to, but not including, `last`.
 * @param {{top: number, height: number, row: number, total: number}} view
 * @param {number} [spare]
 * @returns {{first: number, last: number}}
 */
export function drawn({ top, height, row, total }, spare = SPARE) {
  const first = Math.max(0, Math.min(Math.floor(top / row) - spare, total));
  const last = Math.min(total, Math.ceil((top + height) / row) + spare);
  return { first, last: Math.max(first, last) };
}

/**
 * How far to scroll so that row `index` is whole in sight: as little as possible.
 * @param {number} index
 * @param {{top: number, height: number, row: number}} view
 */
export function reached(index, { top, height, row }) {
  if (index * row < top) return index * row;
  if ((index + 1) * row > top + height) return Math.max(0, (index + 1) * row - height);
  return top;
}

/**
 * How many rows a page key moves by: what is whole in sight, but one to keep one's bearings.
 * @param {{height: number, row: number}} view
 */
export function screenful({ height, row }) {
  return Math.max(1, Math.floor(height / row) - 1);
}
