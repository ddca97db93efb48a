// @ts-check
/**
 * All that the page shows, as one value, and how events change it. DOM-free; `reduce` is pure.
 *
 * A part that did not change stays the same object, so that `===` tells an element whether it has anything to do.
 */

import * as traces from "./trace.js";

/** @import * as T from "./types.d.ts" */
/** @import {TraceFilter} from "./api.js" */
/** @import {Trace} from "./trace.js" */

/** @typedef {"steer" | "review" | "train" | "compare" | "data"} ViewName */
/** @typedef {{view: ViewName, id: string | null, query: Record<string, string>}} Route */
/** @typedef {"connecting" | "open" | "lost" | "refused"} Connection `refused`: without a token */
/** @typedef {{verb: string, run: () => void}} NoticeAction */
/** @typedef {{id: number, kind: "info" | "done" | "error", text: string, problems: T.ProblemView[], action: NoticeAction | null}} Notice */
/** @typedef {Omit<TraceFilter, "after" | "limit">} ListFilter */

/**
 * The conversations that are loaded, the newest first; `next` continues them. `ready` once the first page is there.
 * @typedef {{filter: ListFilter, rows: T.TraceRowView[], next: string | null, ready: boolean, loading: boolean, error: string | null}} List
 */

/**
 * `trace` is the one that `route` names once it has come, until then null; `missing` says why it will not come.
 * `jobs`, the newest first, and `models` are null until known.
 * @typedef {{
 *   connection: Connection, route: Route, trace: Trace | null, missing: string | null, list: List,
 *   models: T.ModelsView | null, jobs: T.JobView[] | null, facets: T.Facets | null,
 *   preferences: T.Preferences, prepared: boolean, notices: Notice[],
 * }} State
 */

/**
 * @typedef {{type: "connection", state: Connection}
 *   | {type: "route", route: Route}
 *   | {type: "trace", data: T.TraceView}
 *   | {type: "token", data: T.TokenEvent}
 *   | {type: "run", data: T.RunEvent}
 *   | {type: "row", data: T.TraceRowView}
 *   | {type: "job", data: T.JobView}
 *   | {type: "models", data: T.ModelsView}
 *   | {type: "missing", id: string, message: string}
 *   | {type: "alternatives", trace: string, data: T.Alternatives}
 *   | {type: "proposals", trace: string, data: T.Proposals}
 *   | {type: "filter", filter: ListFilter}
 *   | {type: "loading"}
 *   | {type: "page", filter: ListFilter, after: string | null, page: T.TracePage}
 *   | {type: "unloaded", filter: ListFilter, message: string}
 *   | {type: "jobs", jobs: T.JobView[]}
 *   | {type: "facets", facets: T.Facets}
 *   | {type: "preferences", preferences: T.Preferences}
 *   | {type: "notice", notice: Notice}
 *   | {type: "dismiss", id: number}} Event
 */

/** @type {T.Preferences} */
export const PREFERENCES = { theme: "auto", shading: "sure", unlikely: 0.2, author: "", keys: {}, taught: false, system: "" };

/** @type {Route} */
export const HOME = { view: "steer", id: null, query: {} };

/** @returns {State} */
export function initial() {
  return {
    connection: "connecting",
    route: HOME,
    trace: null,
    missing: null,
    list: { filter: {}, rows: [], next: null, ready: false, loading: false, error: null },
    models: null,
    jobs: null,
    facets: null,
    preferences: PREFERENCES,
    prepared: false,
    notices: [],
  };
}

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
export function reduce(state, event) {
  switch (event.type) {
    case "connection":
      return state.connection === event.state ? state : { ...state, connection: event.state };
    case "route": {
      const id = wanted(event.route);
      const trace = id === null || state.trace?.id === id ? state.trace : null;
      return { ...state, route: event.route, trace, missing: id === wanted(state.route) ? state.missing : null };
    }
    case "trace":
      // The stream of the trace that was left may still say something.
      if (event.data.id !== wanted(state.route) && event.data.id !== state.trace?.id) return state;
      return withTrace(state.missing === null ? state : { ...state, missing: null }, traces.changed(state.trace, event.data));
    case "token":
      return withTrace(state, traces.grown(state.trace, event.data));
    case "run":
      return withTrace(state, traces.ran(state.trace, event.data));
    case "alternatives":
      return withTrace(state, traces.known(state.trace, event.trace, event.data));
    case "proposals":
      return withTrace(state, traces.looked(state.trace, event.trace, event.data));
    case "missing":
      return event.id === wanted(state.route) ? { ...state, missing: event.message } : state;
    case "models":
      return withTrace({ ...state, models: event.data }, otherWeights(state, event.data));
    case "jobs":
      return { ...state, jobs: event.jobs };
    case "job":
      return { ...state, jobs: placed(state.jobs ?? [], event.data) };
    case "facets":
      return { ...state, facets: event.facets };
    case "preferences":
      return { ...state, preferences: event.preferences, prepared: true };
    case "notice": {
      const others = state.notices.filter((one) => one.text !== event.notice.text);
      return { ...state, notices: [...others, event.notice].slice(-5) };
    }
    case "dismiss":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== event.id) };
    default:
      return withList(state, listed(state.list, event));
  }
}

/** The trace that a route shows. @param {Route} route */
export function wanted(route) {
  return route.view === "steer" ? route.id : null;
}

/** @param {State} state @param {Trace | null} trace */
function withTrace(state, trace) {
  return trace === state.trace ? state : { ...state, trace };
}

/** @param {State} state @param {List} list */
function withList(state, list) {
  return list === state.list ? state : { ...state, list };
}

/**
 * What could have been written is another thing under another adapter.
 * @param {State} state
 * @param {T.ModelsView} models
 */
function otherWeights({ trace, models: before }, models) {
  const same = !before || (before.model === models.model && before.active === models.active);
  return same || !trace ? trace : { ...trace, alternatives: [] };
}

/**
 * @template {{id: string | number}} A
 * @param {A[]} rows
 * @param {A} row in the place of the one with its id, or before all
 */
function placed(rows, row) {
  const at = rows.findIndex((one) => one.id === row.id);
  return at < 0 ? [row, ...rows] : [...rows.slice(0, at), row, ...rows.slice(at + 1)];
}

/**
 * @param {List} list
 * @param {Extract<Event, {type: "row" | "filter" | "loading" | "page" | "unloaded"}>} event
 * @returns {List}
 */
function listed(list, event) {
  switch (event.type) {
    case "filter":
      return { filter: event.filter, rows: list.rows, next: null, ready: false, loading: true, error: null };
    case "loading":
      return { ...list, loading: true, error: null };
    case "unloaded":
      return event.filter === list.filter ? { ...list, loading: false, error: event.message } : list;
    case "page": {
      if (event.filter !== list.filter) return list; // an answer to an older question
      const known = new Set(event.after === null ? [] : list.rows.map((row) => row.id));
      const rows = event.page.rows.filter((row) => !known.has(row.id));
      const all = event.after === null ? rows : [...list.rows, ...rows];
      return { ...list, rows: all, next: event.page.next, ready: true, loading: false, error: null };
    }
    case "row": {
      const there = list.rows.some((row) => row.id === event.data.id);
      return there || matches(event.data, list.filter) ? { ...list, rows: placed(list.rows, event.data) } : list;
    }
  }
}

/**
 * Whether a new conversation belongs into a filtered list, as far as its row can tell.
 * @param {T.TraceRowView} row
 * @param {ListFilter} filter
 */
export function matches(row, { text, tag, steered, attribute, author }) {
  const said = `${row.title}\n${row.answer ?? ""}`.toLowerCase();
  return (
    (!text || said.includes(text.toLowerCase())) &&
    (!tag || row.tags.includes(tag)) &&
    (steered === undefined || row.steers > 0 === steered) &&
    (!attribute || attribute in row.attributes) &&
    (!author || row.author === author)
  );
}
