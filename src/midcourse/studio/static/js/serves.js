// @ts-check
/** The attributes that a steer can be said to serve: those that can be asked for, are predicted, or are in use. DOM-free. */

/** @import {State} from "./state.js" */

/**
 * @param {Pick<State, "models" | "facets" | "trace">} state
 * @param {readonly string[]} [more] that are to be among them
 * @returns {string[]}
 */
export function attributes({ models, facets, trace }, more = []) {
  const dials = models?.dials?.dials.map(({ name }) => name) ?? [];
  const predicted = models?.predictor?.attributes.map(({ name }) => name) ?? [];
  const used = [...(facets?.serves ?? []), ...(facets?.attributes ?? [])].map(({ value }) => value);
  return [...new Set([...dials, ...predicted, ...Object.keys(trace?.attributes ?? {}), ...used, ...more])].filter(Boolean);
}

/** With a name, or without it where it is there. @param {readonly string[]} names @param {string} name */
export function toggled(names, name) {
  return names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
}
