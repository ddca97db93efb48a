// @ts-check
/**
 * What became of an import, in words and by line. No DOM here.
 */

import { count, many } from "./words.js";

/**
 * @typedef {import("./types.d.ts").Imported} Imported
 * @typedef {import("./types.d.ts").ProblemView} Problem
 */

/**
 * The result in a sentence.
 * @param {Imported} result
 */
export function summary(result) {
  const parts = [
    result.new ? `${many(result.new, "answer")} new` : "",
    result.grown ? `${count(result.grown)} with more than before` : "",
    result.known ? `${count(result.known)} already there` : "",
  ].filter(Boolean);
  const skipped = new Set(result.problems.map(({ line }) => line)).size;
  const left = skipped ? `; ${many(skipped, "line")} left out` : "";
  return `${many(result.lines, "line")} read: ${parts.length ? parts.join(", ") : "nothing to take in"}${left}.`;
}

/**
 * Problems by line, in the order of the file; those of no line first, as line null.
 * @param {Problem[]} problems
 * @returns {{line: number | null, problems: Problem[]}[]}
 */
export function byLine(problems) {
  /** @type {Map<number | null, Problem[]>} */
  const lines = new Map();
  for (const problem of problems) {
    const line = problem.line ?? null;
    lines.set(line, [...(lines.get(line) ?? []), problem]);
  }
  return [...lines].map(([line, own]) => ({ line, problems: own })).sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/**
 * How many lines of a file are good, or null where the problems are not about lines.
 * @param {string} text
 * @param {Problem[]} problems
 */
export function goodLines(text, problems) {
  if (problems.some(({ line }) => line === null || line === undefined)) return null;
  const filled = text.split("\n").filter((line) => line.trim()).length;
  return filled - new Set(problems.map(({ line }) => line)).size;
}

/**
 * Line `line` (from 1) of a file, shortened to be shown.
 * @param {string[]} lines
 * @param {number | null} line
 * @param {number} [most]
 */
export function excerpt(lines, line, most = 160) {
  const text = line === null ? "" : (lines[line - 1] ?? "").trim();
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
