// @ts-check
/**
 * What the page does to the world: asks the API and dispatches what comes of it.
 *
 * Nothing here throws for what the server or the network did: it becomes a notice, with "Try again" where that helps.
 */

import * as api from "./api.js";
import { PREFERENCES } from "./state.js";
import { store } from "./store.js";

/** @import * as T from "./types.d.ts" */
/** @import {ListFilter, Notice, NoticeAction} from "./state.js" */

const PAGE = 200; // conversations at a time
let notices = 0;

/**
 * Tells the person something; it is read aloud, too. Errors stay until they are dismissed.
 * @param {Notice["kind"]} kind
 * @param {string} text
 * @param {{problems?: T.ProblemView[], action?: NoticeAction}} [more]
 */
export function notify(kind, text, { problems = [], action } = {}) {
  store.dispatch({ type: "notice", notice: { id: ++notices, kind, text, problems, action: action ?? null } });
}

/**
 * Carries out a command. What was refused or failed is shown, and what failed for the network can be repeated.
 * @template A
 * @param {string} verb what it does, as its button says it: "Keep as steer"
 * @param {() => Promise<A>} call
 * @param {(result: A) => void} [then] after it succeeded, be it at a repetition
 * @returns {Promise<A | null>} null if it did not succeed
 */
export async function command(verb, call, then) {
  try {
    const result = await call();
    then?.(result);
    return result;
  } catch (error) {
    failed(verb, error, () => void command(verb, call, then));
    return null;
  }
}

/**
 * @param {string} verb
 * @param {unknown} error
 * @param {() => void} again
 */
function failed(verb, error, again) {
  if (!(error instanceof api.ApiError)) throw error;
  const repeatable = ["offline", "busy", "store", "disk"].includes(error.code);
  const text = error.code === "stale" ? `“${verb}” was not done: the answer has changed meanwhile. Look again, then repeat it.` : `“${verb}” was not done. ${error.message}`;
  notify("error", text, { problems: error.problems, action: repeatable ? { verb: "Try again", run: again } : undefined });
}

// The list

/** Shows the conversations that meet `filter`. @param {ListFilter} filter */
export async function filterTraces(filter) {
  store.dispatch({ type: "filter", filter });
  await loadPage(null);
}

/** The first page anew; nothing flickers. */
export async function reloadTraces() {
  await loadPage(null);
  await loadFacets();
}

/** The next page, if there is one and nothing is on its way. */
export async function moreTraces() {
  const { next, loading } = store.state.list;
  if (next !== null && !loading) await loadPage(next);
}

/** @param {string | null} after */
async function loadPage(after) {
  store.dispatch({ type: "loading" });
  const { filter } = store.state.list;
  try {
    const page = await api.traces({ ...filter, after, limit: PAGE });
    store.dispatch({ type: "page", filter, after, page });
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    store.dispatch({ type: "unloaded", filter, message: error.message });
  }
}

// What is loaded without being asked for: what fails is tried again when the connection is back.

/**
 * @template A
 * @param {() => Promise<A>} call
 * @param {(found: A) => void} then
 */
async function quietly(call, then) {
  try {
    then(await call());
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (error.code !== "offline") notify("error", error.message, { problems: error.problems });
  }
}

export const loadFacets = () => quietly(api.facets, (facets) => store.dispatch({ type: "facets", facets }));
export const loadModels = () => quietly(api.models, (data) => store.dispatch({ type: "models", data }));
export const loadJobs = () => quietly(api.jobs, ({ rows }) => store.dispatch({ type: "jobs", jobs: rows }));
export const loadPreferences = () =>
  quietly(api.preferences, (preferences) => store.dispatch({ type: "preferences", preferences: { ...PREFERENCES, ...preferences } }));

/**
 * A job that a request has begun. Where an event has told of it already, that is the newer word.
 * @param {T.JobView} job
 */
export function jobBegun(job) {
  if (!store.state.jobs?.some(({ id }) => id === job.id)) store.dispatch({ type: "job", data: job });
}

/**
 * The alternatives at a depth of the trace that is looked at, where they are not known yet.
 * @param {number} depth
 */
export async function loadAlternatives(depth) {
  const { trace } = store.state;
  if (!trace || trace.readonly || trace.alternatives[depth]) return;
  const { id, version } = trace;
  try {
    const data = await api.alternatives(id, version, depth);
    store.dispatch({ type: "alternatives", trace: id, data });
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (!["stale", "busy", "offline"].includes(error.code)) notify("error", error.message);
  }
}

/**
 * Where to look in the answer that is looked at: nothing without a predictor, and not while the model writes.
 * @param {AbortSignal} signal
 */
export async function loadProposals(signal) {
  const { trace, models } = store.state;
  if (!trace?.tokens.length || !models?.predictor || trace.run.state !== "idle" || trace.proposals) return;
  try {
    const data = await api.proposals(trace.id, trace.version, { signal });
    if (store.state.trace?.tokens.length === trace.tokens.length) store.dispatch({ type: "proposals", trace: trace.id, data });
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.ApiError)) throw error;
    if (!["stale", "offline"].includes(error.code)) notify("error", `Where to look is not known. ${error.message}`);
  }
}

/** Keeps what a person has chosen about the page; shown at once. @param {Partial<T.Preferences>} change */
export async function prefer(change) {
  const preferences = { ...store.state.preferences, ...change };
  store.dispatch({ type: "preferences", preferences });
  await command("Keep preferences", () => api.keepPreferences(preferences));
}
