// @ts-check
/**
 * ‹ 2/3 ›: the ways on at each fork of the answer, standing in the text where it forks.
 */

import { h } from "../dom.js";

/** @import * as T from "../types.d.ts" */
/** @import {Flow} from "./flow.js" */

/**
 * @param {Flow} flow
 * @param {(depth: number, direction: 1 | -1) => void} turn
 * @returns {(forks: T.ForkView[]) => void} shows them
 */
export function switches(flow, turn) {
  /** @type {Map<number, HTMLElement>} by depth */
  const shown = new Map();
  return (forks) => {
    const wanted = new Map(forks.filter(({ branches }) => branches.length > 1).map((fork) => [fork.depth, fork]));
    for (const [depth, element] of shown) {
      const fork = wanted.get(depth);
      if (fork && element.dataset.shows === label(fork)) continue;
      element.remove();
      shown.delete(depth);
    }
    for (const [depth, fork] of wanted) {
      let element = shown.get(depth);
      if (!element) shown.set(depth, (element = made(fork, (direction) => turn(depth, direction))));
      flow.place(element, depth);
    }
  };
}

/** @param {T.ForkView} fork */
const label = ({ current, branches }) => `${current + 1}/${branches.length}`;

/** The keys [ and ] do the same, so that Tab need not stop at each. @param {T.ForkView} fork @param {(direction: 1 | -1) => void} turn */
function made(fork, turn) {
  const way = (/** @type {string} */ sign, /** @type {1 | -1} */ direction, /** @type {string} */ name) =>
    h("button", { type: "button", tabindex: -1, "aria-label": name, title: name, onclick: () => turn(direction) }, sign);
  return h(
    "span",
    { class: "ways", dataset: { shows: label(fork), depth: String(fork.depth) } },
    way("‹", -1, "Previous way on"),
    h("span", { class: "numbers" }, label(fork)),
    way("›", 1, "Next way on"),
  );
}
