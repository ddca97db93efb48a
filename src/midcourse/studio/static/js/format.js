// @ts-check
/** Numbers, times and texts as people read them. DOM-free. */

const HOUR = 3600;
const DAY = 24 * HOUR;

/** A length of time: `41 ms`, `12 s`, `3 min`, `2 h 5 min`. @param {number} seconds */
export function span(seconds) {
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/**
 * When it was, shortly: `now`, `5 min`, `3 h`, `Tue`, `12 Mar`, `12 Mar 2024`; "" if unknown.
 * @param {string | null} time ISO 8601
 * @param {Date} [now]
 */
export function ago(time, now = new Date()) {
  const then = time === null ? Number.NaN : Date.parse(time);
  if (Number.isNaN(then)) return "";
  const date = new Date(then);
  const seconds = (now.getTime() - then) / 1000;
  if (seconds < 60) return "now";
  if (seconds < HOUR) return `${Math.floor(seconds / 60)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`;
  if (seconds < 6 * DAY) return date.toLocaleDateString("en", { weekday: "short" });
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year });
}

/** @param {number} count */
export const number = (count) => count.toLocaleString("en");

/** `1 steer`, `12 steers`, `1,200 tokens`. @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A probability of a log-probability: `87 %`, `0.4 %`, `< 0.1 %`. @param {number} logprob in nats */
export function percent(logprob) {
  const share = 100 * Math.exp(logprob);
  if (share < 0.1) return "< 0.1 %";
  return `${share < 9.95 ? share.toFixed(1) : Math.round(share)} %`;
}

/** A text in one line. @param {string} text */
export const line = (text) => text.replace(/\s+/g, " ").trim();

/** Tags of a field: separated by commas or spaces, each once. @param {string} text */
export const tags = (text) => [...new Set(text.split(/[,\s]+/).filter(Boolean))];
