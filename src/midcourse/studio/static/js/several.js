// @ts-check
/**
 * The same work on each of many things, a few at a time. No DOM here.
 */

/** How many are under way at once. */
const AT_ONCE = 4;

/**
 * Does `work` on every item. What fails does not keep the others from being done.
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => Promise<unknown>} work
 * @param {{progress?: (state: {done: number, failed: number, all: number}) => void, signal?: AbortSignal, most?: number}} [options]
 * @returns {Promise<{done: Item[], failed: {item: Item, error: unknown}[], left: Item[]}>} `left` are those not begun when `signal` aborted
 */
export async function several(items, work, { progress = () => {}, signal, most = AT_ONCE } = {}) {
  /** @type {Item[]} */
  const done = [];
  /** @type {{item: Item, error: unknown}[]} */
  const failed = [];
  let next = 0;
  const line = async () => {
    while (next < items.length && !signal?.aborted) {
      const item = items[next++];
      try {
        await work(item);
        done.push(item);
      } catch (error) {
        failed.push({ item, error });
      }
      progress({ done: done.length, failed: failed.length, all: items.length });
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, line));
  return { done, failed, left: items.slice(next) };
}
