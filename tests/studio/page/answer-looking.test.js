/** Where `n` goes: the order of places, what is left out, and the way back. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { next, places, unread } from "../../../src/midcourse/studio/static/js/answer/looking.js";
import { level } from "../../../src/midcourse/studio/static/js/answer/shading.js";
import { token } from "./made.js";

const of = (shares, more = {}) => shares.map((share) => token("x", { logprob: Math.log(share), ...more }));

/** `tests/benchmarks/test_proposals.py` reads the same file. */
for (const { name, shares, places: wanted } of JSON.parse(readFileSync(new URL("places.json", import.meta.url), "utf8")))
  test(name, () => assert.deepEqual(places(of(shares), 0.2), wanted));

test("only what is shaded is looked at, wherever the bound is", () => {
  const tokens = of(Array.from({ length: 200 }, (_, depth) => ((depth * 37) % 100) / 100 + 0.001));
  for (const unlikely of [0.01, 0.2, 0.9]) {
    const found = places(tokens, unlikely);
    assert.ok(found.length > 0);
    assert.ok(found.every((depth) => level(tokens[depth].logprob, unlikely) > 0));
    assert.equal(new Set(found).size, found.length);
    const sorted = [...found].sort((a, b) => a - b);
    assert.ok(sorted.every((depth, place) => place === 0 || depth - sorted[place - 1] > 5));
  }
});

test("what stands before the last steer was read and is not looked at again", () => {
  const tokens = [...of([0.9, 0.001, 0.9]), ...of([0.001], { source: "human", logprob: null }), ...of([0.9, 0.9, 0.1, 0.9])];
  assert.equal(unread(tokens), 4);
  assert.deepEqual(places(tokens, 0.2), [6]);
  assert.deepEqual(places(tokens.slice(0, 4), 0.2), [], "a steer is the end");
  assert.deepEqual(places([], 0.2), []);
});

test("what a predictor proposes comes after what the model doubts most, and once", () => {
  const shares = [0.9, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.001, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9];
  assert.deepEqual(places(of(shares), 0.2), [7, 1, 14]);
  assert.deepEqual(places(of(shares), 0.2, [7, 9, 20]), [7, 9, 20, 1]);
  assert.deepEqual(places(of([0.9, 0.9, 0.9]), 0.2, [1]), [1], "though the model was sure");
});

test("nobody knows how sure the model was of imported tokens", () => {
  assert.deepEqual(places([token("x", { logprob: null }), ...of([0.1])], 0.2), [1]);
});

test("an answer that grows: what was seen is not shown again, and what is worse comes first", () => {
  const before = of([0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3]);
  const seen = [1];
  assert.deepEqual(places(before, 0.2), [1, 7]);
  const after = [...before, ...of([0.9, 0.9, 0.9, 0.9, 0.9, 0.0001])];
  assert.equal(next(places(after, 0.2), seen, 1, 1), 13);
  assert.equal(next(places(after, 0.2), [1, 13], 13, 1), 7);
});

test("back along the way that one came, and along it again", () => {
  const found = [9, 1, 4];
  assert.equal(next(found, [], null, 1), 9);
  assert.equal(next(found, [9], 9, 1), 1);
  assert.equal(next(found, [9, 1], 1, -1), 9);
  assert.equal(next(found, [9, 1], 9, -1), null);
  assert.equal(next(found, [9, 1], 9, 1), 1, "along it again");
  assert.equal(next(found, [9, 1], 1, 1), 4);
  assert.equal(next(found, [9, 1, 4], 4, 1), null);
});

test("from somewhere else back to where one looked last, or on to what one has not seen", () => {
  assert.equal(next([9, 1, 4], [9, 1], 6, -1), 1);
  assert.equal(next([9, 1, 4], [9, 1], 6, 1), 4);
  assert.equal(next([9, 1, 4], [], 9, 1), 1, "one stands there already");
  assert.equal(next([9, 1, 4], [], null, -1), null);
});

test("ten thousand tokens take a moment", () => {
  const tokens = of(Array.from({ length: 10_000 }, (_, depth) => Math.sin(depth) ** 2 + 1e-9));
  const began = performance.now();
  assert.ok(places(tokens, 0.2).length > 500);
  assert.ok(performance.now() - began < 500);
});
