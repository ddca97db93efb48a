// @ts-check
/**
 * Walking through the answer. Places are depths, 0 to `count`; `count` is the end, where the model would go on. DOM-free.
 *
 * Lines are visual ones. Layout is only asked for as far as the next line reaches, through `box`.
 */

/** @typedef {{top: number, bottom: number, left: number, right: number}} Box in any one system of coordinates */

/** @param {number} at @param {number} by @param {number} count */
export function stepped(at, by, count) {
  return Math.max(0, Math.min(count, at + by));
}

/**
 * The place in the line above (-1) or below (1) that is nearest to `x`; `at` if there is no such line.
 * @param {number} at
 * @param {1 | -1} direction
 * @param {number} count
 * @param {(depth: number) => Box} box of a place
 * @param {number} [x] by default the middle of where one stands
 */
export function nextLine(at, direction, count, box, x = middle(box(at))) {
  let line = box(at);
  let depth = at + direction;
  while (depth >= 0 && depth <= count && shares(box(depth), line)) depth += direction;
  if (depth < 0 || depth > count) return at;
  line = box(depth);
  let best = depth;
  let distance = Infinity;
  for (; depth >= 0 && depth <= count; depth += direction) {
    const here = box(depth);
    if (!shares(here, line)) break;
    const away = x < here.left ? here.left - x : x > here.right ? x - here.right : 0;
    if (away < distance) [best, distance] = [depth, away];
  }
  return best;
}

/** @param {Box} box */
export const middle = ({ left, right }) => (left + right) / 2;

/** Whether two boxes are of one line. @param {Box} one @param {Box} other */
function shares(one, other) {
  const height = (one.top + one.bottom) / 2;
  return height > other.top && height < other.bottom;
}

/**
 * Narrowing what is rejected: from `at` up to `stop`, or all that follows (null). The first step forward rejects one token
 * alone, the first one back all but the last.
 * @param {number} at
 * @param {number | null} stop
 * @param {number} by
 * @param {number} count
 * @returns {number | null}
 */
export function narrowed(at, stop, by, count) {
  if (at >= count) return null;
  const from = stop ?? (by > 0 ? at : count);
  const to = Math.max(at + 1, from + by);
  return to >= count ? null : to;
}
