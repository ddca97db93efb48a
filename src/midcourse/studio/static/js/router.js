// @ts-check
/**
 * The address of the page's views: `#/steer/ID`, `#/review?tag=names`. The server always sends the same page.
 */

import { HOME } from "./state.js";
import { store } from "./store.js";

/** @import {Route, ViewName} from "./state.js" */

/** @type {{view: ViewName, label: string}[]} in the order of the top bar and of Alt+1…5 */
export const VIEWS = [
  { view: "steer", label: "Steer" },
  { view: "review", label: "Review" },
  { view: "train", label: "Train" },
  { view: "compare", label: "Compare" },
  { view: "data", label: "Data" },
];

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [view, id] = path.split("/");
  const known = VIEWS.find((one) => one.view === view);
  if (!known) return HOME;
  return { view: known.view, id: id ? decoded(id) : null, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody wrote a lone % into the address
  }
}

/**
 * @param {ViewName} view
 * @param {string | null} [id]
 * @param {Record<string, string>} [query]
 */
export function address(view, id = null, query = {}) {
  const search = new URLSearchParams(query).toString();
  return `#/${view}${id === null ? "" : `/${encodeURIComponent(id)}`}${search && `?${search}`}`;
}

/**
 * Goes there. `replace` leaves no step back.
 * @param {ViewName} view
 * @param {string | null} [id]
 * @param {Record<string, string>} [query]
 * @param {{replace?: boolean}} [how]
 */
export function go(view, id = null, query = {}, { replace = false } = {}) {
  const to = address(view, id, query);
  if (to === location.hash) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  store.dispatch({ type: "route", route: parse(to) });
}

/** Follows the address from now on. */
export function start() {
  const follow = () => store.dispatch({ type: "route", route: parse(location.hash) });
  addEventListener("popstate", follow); // a changed hash, too
  follow();
}
