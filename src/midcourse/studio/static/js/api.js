// @ts-check
/**
 * The studio's API: one typed function for each endpoint. Nothing else in the page fetches.
 *
 * Everything throws `ApiError` and nothing else, except that an aborted request throws its `AbortError`.
 */

import { events as read } from "./stream.js";

/** @import * as T from "./types.d.ts" */
/** @typedef {{signal?: AbortSignal}} Options */
/** @typedef {{after?: string | null, limit?: number, text?: string, tag?: string, steered?: boolean, attribute?: string, author?: string}} TraceFilter */
/** @typedef {{after?: string | null, limit?: number, text?: string, tag?: string, author?: string, serves?: string, trace?: string, kind?: string, aside?: boolean, abandoned?: boolean}} SteerFilter */

/** What the server refused, or that it could not be reached (`offline`). */
export class ApiError extends Error {
  /**
   * @param {string} code as in `ErrorView`; `offline` if there was no answer, `broken` if it was none of the API's
   * @param {string} message
   * @param {T.ProblemView[]} problems
   * @param {number} status
   */
  constructor(code, message, problems = [], status = 0) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.problems = problems;
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Options} [options]
 * @returns {Promise<Response>}
 */
async function ask(method, path, body, { signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: text, signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("offline", "The studio's server cannot be reached. Is `midcourse studio` still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  const error = /** @type {T.ErrorBody | null} */ (said)?.error;
  if (!error) throw new ApiError("broken", `The server answered ${response.status} without saying why.`, [], response.status);
  throw new ApiError(error.code, error.message, error.problems, response.status);
}

/**
 * @template A
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Options} [options]
 * @returns {Promise<A>}
 */
async function json(method, path, body, options) {
  const response = await ask(method, path, body, options);
  try {
    return await response.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiError("offline", "The server's answer was cut off.");
  }
}

/**
 * A query string of what is given; null, undefined and "" are not.
 * @param {Record<string, string | number | boolean | null | undefined>} values
 */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

const name = encodeURIComponent;
/** @param {string} id @param {string} [rest] */
const trace = (id, rest = "") => `/api/traces/${name(id)}${rest}`;

/**
 * The tab's stream of events, parsed; it ends when the server closes it.
 * @param {string | null} id of the trace that is looked at
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{event: string, data: any}, void, void>}
 */
export async function* events(id, signal) {
  const response = await ask("GET", `/api/events${query({ trace: id })}`, undefined, { signal });
  yield* parsed(response, signal);
}

/**
 * @param {Response} response
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{event: string, data: any}, void, void>}
 */
async function* parsed(response, signal) {
  if (!response.body) throw new ApiError("broken", "The server's answer is empty.");
  try {
    for await (const { event, data } of read(response.body)) yield { event, data: JSON.parse(data) };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError("offline", "The connection to the studio's server broke.");
  }
}

// Conversations

/** @param {TraceFilter} filter @param {Options} [options] @returns {Promise<T.TracePage>} */
export const traces = (filter, options) => json("GET", `/api/traces${query(filter)}`, undefined, options);
/** @param {T.NewTrace} body @returns {Promise<T.Done>} */
export const create = (body) => json("POST", "/api/traces", body);
/** @param {string} id @param {Options} [options] @returns {Promise<T.TraceView>} */
export const getTrace = (id, options) => json("GET", trace(id), undefined, options);
/** @param {string} id @param {T.TraceChange} body @returns {Promise<T.Done>} */
export const changeTrace = (id, body) => json("PATCH", trace(id), body);

// Steering

/** @param {string} id @param {T.Write} body @returns {Promise<T.Done>} */
export const write = (id, body) => json("POST", trace(id, "/write"), body);
/** @param {string} id @returns {Promise<T.Done>} */
export const stop = (id) => json("POST", trace(id, "/stop"), {});
/** @param {string} id @param {T.NewSteer} body @returns {Promise<T.Done>} */
export const steer = (id, body) => json("POST", trace(id, "/steer"), body);
/** What is being typed, for the model to read ahead. @param {string} id @param {T.Draft} body @returns {Promise<T.Done>} */
export const draft = (id, body) => json("POST", trace(id, "/draft"), body);
/** @param {string} id @param {T.Regenerate} body @returns {Promise<T.Done>} */
export const regenerate = (id, body) => json("POST", trace(id, "/regenerate"), body);
/** @param {string} id @param {T.At} body @returns {Promise<T.Done>} */
export const undo = (id, body) => json("POST", trace(id, "/undo"), body);
/** @param {string} id @param {T.At} body @returns {Promise<T.Done>} */
export const redo = (id, body) => json("POST", trace(id, "/redo"), body);
/** @param {string} id @param {T.Goto} body @returns {Promise<T.Done>} */
export const goTo = (id, body) => json("POST", trace(id, "/goto"), body);
/** The next turn; what it returns is the new trace. @param {string} id @param {T.NextTurn} body @returns {Promise<T.Done>} */
export const next = (id, body) => json("POST", trace(id, "/next"), body);
/** @param {string} id @param {number} version @param {number} depth @param {Options} [options] @returns {Promise<T.Alternatives>} */
export const alternatives = (id, version, depth, options) =>
  json("GET", trace(id, `/alternatives${query({ version, depth })}`), undefined, options);

/** Where to look in an answer; only where there is a predictor. @param {string} id @param {number} version @param {Options} [options] @returns {Promise<T.Proposals>} */
export const proposals = (id, version, options) => json("GET", trace(id, `/proposals${query({ version })}`), undefined, options);

// Steers and data

/** @param {string} id @param {number} number @param {T.SteerChange} body @returns {Promise<T.Done>} */
export const changeSteer = (id, number, body) => json("PATCH", trace(id, `/steers/${number}`), body);
/** @param {SteerFilter} filter @param {Options} [options] @returns {Promise<T.SteerPage>} */
export const steers = (filter, options) => json("GET", `/api/steers${query(filter)}`, undefined, options);
/** @param {Options} [options] @returns {Promise<T.Facets>} */
export const facets = (options) => json("GET", "/api/facets", undefined, options);
/** @param {T.Import} body @param {Options} [options] @returns {Promise<T.Imported>} */
export const importFile = (body, options) => json("POST", "/api/import", body, options);
/** The address of a download. @param {Record<string, string | boolean | undefined>} filter with `format` */
export const exportAddress = (filter) => `/api/export${query(filter)}`;

/**
 * A file of the server, whole, and what it is called.
 * @param {string} address
 * @param {Options} [options]
 */
export async function download(address, options) {
  const response = await ask("GET", address, undefined, options);
  const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
  try {
    return { blob: await response.blob(), name: named?.[1] ?? "midcourse.jsonl" };
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiError("offline", "The server's answer was cut off.");
  }
}

// Training

/** @param {Options} [options] @returns {Promise<T.Setting[]>} */
export const trainSettings = (options) => json("GET", "/api/train/settings", undefined, options);
/** @param {T.NewTraining} body @param {Options} [options] @returns {Promise<T.Plan>} */
export const plan = (body, options) => json("POST", "/api/train/plan", body, options);
/** @param {T.NewTraining} body @returns {Promise<T.JobView>} */
export const train = (body) => json("POST", "/api/jobs/train", body);
/** @param {T.NewMeasurement} body @returns {Promise<T.JobView>} */
export const measure = (body) => json("POST", "/api/jobs/measure", body);
/** @param {Options} [options] @returns {Promise<T.JobPage>} */
export const jobs = (options) => json("GET", "/api/jobs", undefined, options);
/** @param {number} id @param {number} [after] @param {Options} [options] @returns {Promise<T.JobDetail>} */
export const job = (id, after, options) => json("GET", `/api/jobs/${id}${query({ after })}`, undefined, options);
/** @param {number} id @returns {Promise<T.JobView>} */
export const stopJob = (id) => json("POST", `/api/jobs/${id}/stop`, {});
/** @param {number} id @returns {Promise<T.JobView>} */
export const resumeJob = (id) => json("POST", `/api/jobs/${id}/resume`, {});
/** The address of a report: its own page. @param {number} id */
export const reportAddress = (id) => `/api/jobs/${id}/report`;

// The model

/** @param {Options} [options] @returns {Promise<T.ModelsView>} */
export const models = (options) => json("GET", "/api/models", undefined, options);
/** @param {T.UseAdapter} body @returns {Promise<T.ModelsView>} */
export const useAdapter = (body) => json("POST", "/api/models/adapter", body);
/** The address of a download. @param {string} adapter */
export const adapterAddress = (adapter) => `/api/adapters/${name(adapter)}/download`;
/**
 * What both sides write, as it comes; aborting stops the model.
 * @param {T.NewComparison} body
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<T.ComparisonEvent, void, void>}
 */
export async function* compare(body, signal) {
  for await (const { data } of parsed(await ask("POST", "/api/compare", body, { signal }), signal)) yield data;
}

// Preferences

/** @param {Options} [options] @returns {Promise<T.Preferences>} */
export const preferences = (options) => json("GET", "/api/preferences", undefined, options);
/** @param {T.Preferences} body @returns {Promise<T.Preferences>} */
export const keepPreferences = (body) => json("PUT", "/api/preferences", body);
