/** How a change of mind is put into steps and words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { chance, change, says, tally } from "../../../src/midcourse/studio/static/js/change.js";

test("steps each way, and none for little", () => {
  const steps = [0.4, 0.5, 1.4, 1.5, 3, 30].map((d) => change({ logprob: -1, other: -1 - d }));
  assert.deepEqual(steps.map(({ step }) => step), [0, 1, 1, 2, 3, 3]);
  assert.deepEqual(steps.map(({ direction }) => direction), ["same", "less", "less", "less", "less", "less"]);
  assert.equal(change({ logprob: -4, other: -1 }).direction, "likelier");
});

test("what nobody computed is not a change", () => {
  assert.deepEqual(change({ logprob: -1, other: null }), { direction: "unknown", step: 0, difference: null });
  assert.equal(says({ logprob: 0, other: null }, "Before", "After"), "Before: 100 %");
});

test("chances as people read them", () => {
  assert.deepEqual(
    [0, Math.log(0.371), Math.log(0.0421), Math.log(0.0042), Math.log(1 / 80_000), -60].map(chance),
    ["100 %", "37 %", "4.2 %", "0.42 %", "1 in 80,000", "next to never"],
  );
});

test("a token in a sentence", () => {
  assert.equal(
    says({ logprob: Math.log(0.8), other: Math.log(0.2) }, "Before", "After"),
    "Before: 80 % · After: 20 % · 4.0 × less likely there",
  );
  assert.match(says({ logprob: -20, other: -0.1 }, "Before", "After"), /over a million × likelier there$/);
  assert.match(says({ logprob: -1, other: -1.1 }, "Before", "After"), /much the same$/);
});

test("an answer in numbers", () => {
  const tokens = [{ logprob: -1, other: null }, { logprob: -1, other: -4 }, { logprob: -4, other: -1 }, { logprob: -1, other: -1 }];
  assert.deepEqual(tally(tokens), { tokens: 4, known: 3, likelier: 1, less: 1 });
});
