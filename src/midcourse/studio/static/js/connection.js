// @ts-check
/**
 * The tab's one stream of events: kept open, begun anew when it breaks, and asked for the trace that is looked at.
 *
 * A stream begins with `hello` and the whole trace, so that beginning anew is all that is needed after any gap. A tab
 * that nobody looks at lets go of it when its model is idle: browsers give a site six connections for all tabs.
 */

import * as api from "./api.js";
import { loadJobs, loadModels, reloadTraces } from "./effects.js";
import { wanted } from "./state.js";
import { store } from "./store.js";

const SHORTEST = 250; // milliseconds before a new try; doubles to the longest
const LONGEST = 5_000;
const HIDDEN = 60_000; // unseen for so long, an idle tab lets go
const KNOWN = new Set(["trace", "token", "run", "row", "job", "models"]);

/** @type {AbortController | null} */
let current = null;
/** @type {string | null} */
let watched = null;
let wait = SHORTEST;
/** @type {number | undefined} */
let timer;

/** Connects, and stays so. */
export function start() {
  store.watch(
    ({ route }) => wanted(route),
    (id) => {
      // Who goes to another view comes back to the same trace.
      if (!current || (id !== null && id !== watched)) open(id);
    },
  );
  store.watch(
    ({ trace }) => Boolean(trace?.torn),
    (torn) => torn && open(watched),
  );
  addEventListener("online", retry);
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", () => current?.abort());
}

/** Tries again now, where the connection is lost. */
export function retry() {
  if (store.state.connection !== "open") open(watched);
}

/** @param {string | null} id */
function open(id) {
  clearTimeout(timer);
  current?.abort();
  current = new AbortController();
  watched = id;
  void follow(id, current.signal);
}

/**
 * @param {string | null} id
 * @param {AbortSignal} signal
 */
async function follow(id, signal) {
  try {
    for await (const { event, data } of api.events(id, signal)) {
      if (signal.aborted) return;
      if (event === "hello") greeted();
      if (KNOWN.has(event)) store.dispatch(/** @type {any} */ ({ type: event, data }));
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.ApiError)) throw error;
    if (error.code === "missing" && id !== null) {
      store.dispatch({ type: "missing", id, message: error.message });
      return open(null);
    }
    if (error.code === "unauthorised") {
      store.dispatch({ type: "connection", state: "refused" });
      return;
    }
  }
  if (signal.aborted) return;
  store.dispatch({ type: "connection", state: "lost" });
  timer = setTimeout(() => open(watched), wait);
  wait = Math.min(2 * wait, LONGEST);
}

/** What was missed meanwhile is asked for. */
function greeted() {
  const before = store.state;
  wait = SHORTEST;
  store.dispatch({ type: "connection", state: "open" });
  if (before.connection === "open" && before.models) return;
  void loadModels();
  void loadJobs();
  void reloadTraces();
}

function seen() {
  clearTimeout(timer);
  if (document.visibilityState === "visible") {
    if (store.state.connection !== "open" || current?.signal.aborted) open(watched);
    return;
  }
  const leave = () => {
    const state = store.state.trace?.run.state ?? "idle";
    if (state === "idle") current?.abort();
    else timer = setTimeout(leave, HIDDEN);
  };
  timer = setTimeout(leave, HIDDEN);
}
