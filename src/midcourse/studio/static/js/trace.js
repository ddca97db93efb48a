// @ts-check
/**
 * The trace that is looked at, as a value: what the server's events make of it. DOM-free.
 *
 * `proposals`, where known, say where to look in this version of it. `tokens` is the accepted answer; `alternatives[d]`, where known, are the tokens that could have stood at depth d. An
 * event that does not fit what is here (a gap, another version) makes the trace `torn`: it is shown as it was, and the
 * connection asks for it anew. Every change makes a new object; tokens that did not change stay the same objects.
 */

/** @import * as T from "./types.d.ts" */
/** @typedef {(T.AlternativeView[] | undefined)[]} AlternativesByDepth */
/** @typedef {Omit<T.TraceView, "keep"> & {alternatives: AlternativesByDepth, torn: boolean, proposals: T.Proposals | null}} Trace */

/**
 * Event `trace`.
 * @param {Trace | null} before
 * @param {T.TraceView} view
 * @returns {Trace | null}
 */
export function changed(before, view) {
  const same = before?.id === view.id ? before : null;
  if (same && !same.torn && view.keep > 0 && view.version < same.version) return same;
  const { keep, ...rest } = view;
  const proposals = same?.proposals?.version === view.version ? same.proposals : null;
  if (keep === 0) return { ...rest, alternatives: same?.version === view.version ? same.alternatives : [], torn: false, proposals };
  if (!same) return before;
  if (keep > same.tokens.length) return { ...same, torn: true };
  const tokens = keep === same.tokens.length && !view.tokens.length ? same.tokens : [...same.tokens.slice(0, keep), ...view.tokens];
  // What could stand at depth `keep` depends on the tokens before it, which are the same.
  return { ...rest, tokens, alternatives: same.alternatives.slice(0, keep + 1), torn: same.torn, proposals };
}

/**
 * Event `token`: the model has written `tokens[depth]`.
 * @param {Trace | null} trace
 * @param {T.TokenEvent} event
 * @returns {Trace | null}
 */
export function grown(trace, event) {
  if (!trace || trace.id !== event.trace || trace.torn) return trace;
  if (event.version < trace.version || (event.version === trace.version && event.depth < trace.tokens.length)) return trace;
  if (event.version > trace.version || event.depth > trace.tokens.length) return { ...trace, torn: true };
  const alternatives = trace.alternatives.slice();
  alternatives[event.depth] = event.alternatives;
  return { ...trace, tokens: [...trace.tokens, event.token], alternatives };
}

/**
 * Event `run`.
 * @param {Trace | null} trace
 * @param {T.RunEvent} event
 * @returns {Trace | null}
 */
export function ran(trace, event) {
  return trace && trace.id === event.trace ? { ...trace, run: event.run } : trace;
}

/**
 * Where to look, for the version that is shown; the answer must not have grown meanwhile.
 * @param {Trace | null} trace
 * @param {string} id
 * @param {T.Proposals} data
 * @returns {Trace | null}
 */
export function looked(trace, id, data) {
  return trace && trace.id === id && trace.version === data.version ? { ...trace, proposals: data } : trace;
}

/**
 * The alternatives that somebody asked for.
 * @param {Trace | null} trace
 * @param {string} id
 * @param {T.Alternatives} found
 * @returns {Trace | null}
 */
export function known(trace, id, found) {
  if (!trace || trace.id !== id || trace.version !== found.version || found.depth > trace.tokens.length) return trace;
  const alternatives = trace.alternatives.slice();
  alternatives[found.depth] = found.alternatives;
  return { ...trace, alternatives };
}
