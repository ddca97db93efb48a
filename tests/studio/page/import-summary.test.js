/** What became of an import. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { byLine, excerpt, goodLines, summary } from "../../../src/midcourse/studio/static/js/import-summary.js";

const problem = (/** @type {number | null} */ line, message = "bad") => ({ message, where: null, line, field: null });

test("the result in a sentence", () => {
  const none = { problems: [], notices: [] };
  assert.equal(summary({ new: 3, known: 1, grown: 0, lines: 4, ...none }), "4 lines read: 3 answers new, 1 already there.");
  assert.equal(summary({ new: 0, known: 0, grown: 0, lines: 1, ...none }), "1 line read: nothing to take in.");
  assert.equal(
    summary({ new: 1, known: 0, grown: 2, lines: 5, problems: [problem(2), problem(2)], notices: [] }),
    "5 lines read: 1 answer new, 2 with more than before; 1 line left out.",
  );
});

test("problems by line, in the file's order", () => {
  const found = byLine([problem(7), problem(2, "a"), problem(null, "file"), problem(2, "b")]);
  assert.deepEqual(found.map(({ line, problems }) => [line, problems.map(({ message }) => message)]), [
    [null, ["file"]],
    [2, ["a", "b"]],
    [7, ["bad"]],
  ]);
});

test("how many lines are good", () => {
  assert.equal(goodLines("{}\n\n{}\n{}\n", [problem(1), problem(1)]), 2);
  assert.equal(goodLines("{}", [problem(null)]), null);
});

test("the line itself, shortened", () => {
  assert.equal(excerpt(["a", ` ${"b".repeat(9)}`], 2, 4), "bbbb…");
  assert.equal(excerpt(["a"], 5), "");
});
