// @ts-check
/**
 * Holds the page's state. `dispatch` applies an event and at once tells whoever watches a part that changed by it.
 */

import { initial, reduce } from "./state.js";

/** @import {Event, State} from "./state.js" */

/** @param {State} begin */
export function createStore(begin = initial()) {
  let state = begin;
  /** @type {Set<() => void>} */
  const watchers = new Set();
  return {
    get state() {
      return state;
    },

    /** @param {Event} event */
    dispatch(event) {
      state = reduce(state, event);
      for (const tell of [...watchers]) tell();
    },

    /**
     * Calls `show` now, and whenever what `select` picks is another value (`===`), until `signal` aborts.
     * @template A
     * @param {(state: State) => A} select
     * @param {(value: A, before: A | undefined) => void} show
     * @param {AbortSignal} [signal]
     */
    watch(select, show, signal) {
      if (signal?.aborted) return;
      /** @type {A | undefined} */
      let last;
      let begun = false;
      const tell = () => {
        if (signal?.aborted) return;
        const value = select(state);
        if (begun && value === last) return;
        const before = last;
        last = value;
        begun = true;
        show(value, before);
      };
      watchers.add(tell);
      signal?.addEventListener("abort", () => watchers.delete(tell), { once: true });
      tell();
    },
  };
}

/** The page's own. */
export const store = createStore();
