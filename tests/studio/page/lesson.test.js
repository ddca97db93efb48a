/** The first lesson goes on when the real thing has happened, and starts over with another conversation. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BEGIN, STEPS, advance, says } from "../../../src/midcourse/studio/static/js/lesson.js";

const page = (view, id, tokens, steers, state = "idle") => ({
  route: { view, id, query: {} },
  trace: id && { id, tokens: Array(tokens), steers: Array(steers), run: { state } },
});
const walk = (...pages) => pages.reduce(([lesson, seen], [state, line]) => {
  const next = advance(lesson, state, Boolean(line));
  return [next, [...seen, next.step]];
}, [BEGIN, []])[1];

test("the whole lesson", () => {
  assert.deepEqual(
    walk(
      [page("steer", null, 0, 0)],
      [page("steer", "a", 0, 0, "queued")],
      [page("steer", "a", 1, 0, "writing")],
      [page("steer", "a", 9, 0, "idle")],
      [page("steer", "a", 9, 0), true],
      [page("steer", "a", 9, 1, "writing")],
      [page("steer", "a", 20, 1)],
      [page("review", null, 0, 0)],
      [page("data", null, 0, 0)],
    ),
    ["start", "start", "stop", "correct", "keep", "review", "review", "end", "end"],
  );
});

test("a correction while the model writes, one that is closed, and one in a trace with steers", () => {
  assert.deepEqual(walk([page("steer", "a", 3, 2, "writing")], [page("steer", "a", 3, 2, "writing"), true]), ["stop", "keep"]);
  assert.deepEqual(walk([page("steer", "a", 3, 2)], [page("steer", "a", 3, 2)], [page("steer", "a", 3, 2), true], [page("steer", "a", 3, 2)]), ["stop", "correct", "keep", "correct"]);
  assert.deepEqual(walk([page("steer", "a", 3, 2)], [page("steer", "a", 3, 2)], [page("steer", "a", 3, 3)]), ["stop", "correct", "review"]);
});

test("another conversation begins anew, another view does not", () => {
  assert.deepEqual(walk([page("steer", "a", 3, 0)], [page("review", null, 0, 0)], [page("steer", null, 0, 0)]), ["stop", "stop", "start"]);
});

test("nothing new is the same object", () => {
  assert.equal(advance(BEGIN, page("steer", null, 0, 0), false), BEGIN);
  for (const step of STEPS) assert.equal(says(step).length, 2);
});
