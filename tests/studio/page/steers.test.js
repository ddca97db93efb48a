/** What the table says of a steer, and filters in the address. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { changeOf, correction, filterOf, flat, progressOf, queryOf, sentence, tail } from "../../../src/midcourse/studio/static/js/steers.js";

/** @param {Partial<import("../../../src/midcourse/studio/static/js/types.d.ts").SteerRowView>} [own] */
function steer(own) {
  const none = { reason: null, tags: [], serves: [], weight: 1, aside: false, abandoned: false, ends: false, author: null, created: null };
  return /** @type {import("../../../src/midcourse/studio/static/js/types.d.ts").SteerRowView} */ ({
    trace: "t", number: 3, title: "Hello", kind: "correction", context: "so it ", chosen: "goes", rejected: ["went"], ...none, ...own,
  });
}

test("a row in a sentence", () => {
  assert.equal(sentence(steer()), "Correction: “goes” instead of “went”; after “so it ”");
  const full = { reason: "tense", tags: ["a", "b"], weight: 2, aside: true, abandoned: true, author: "ada" };
  assert.equal(
    sentence(steer({ ...full, context: null, rejected: null })),
    "Correction: “goes”; reason: tense; tags: a, b; weight 2; by ada; on an abandoned branch; set aside",
  );
});

test("what stands in the place of a correction", () => {
  assert.deepEqual(correction(steer({ kind: "mark", chosen: null })), { text: "no correction", real: false });
  assert.deepEqual(correction(steer({ kind: "ending", chosen: "", ends: true })), { text: "the answer ends here", real: false });
  assert.deepEqual(correction(steer({ chosen: null })), { text: "text not known", real: false });
  assert.ok(correction(steer({ chosen: "" })).text === "" && correction(steer()).real);
});

test("texts on few lines", () => {
  assert.equal(flat("a\nb\r\n\tc"), "a↵ b↵ ⇥ c");
  assert.equal(tail("one two three", 9), "…three");
  assert.equal(tail("short"), "short");
});

test("a filter goes into the address and comes back", () => {
  const filter = { text: "a b", tag: "x", author: "ada", kind: "mark", aside: false, abandoned: true };
  assert.deepEqual(filterOf(queryOf(filter)), filter);
  assert.deepEqual(queryOf({ text: "" }), {});
  assert.deepEqual(filterOf({ aside: "perhaps", nonsense: "1" }), {});
});

test("what a steer is changed to, only where it is otherwise", () => {
  assert.deepEqual(changeOf(steer({ tags: ["a"] }), { add: ["b", "a"] }), { tags: ["a", "b"] });
  assert.deepEqual(changeOf(steer({ tags: ["a", "b"] }), { remove: ["a"] }), { tags: ["b"] });
  assert.equal(changeOf(steer({ tags: ["a"] }), { add: ["a"], remove: ["z"], change: { aside: false, weight: 1, reason: "" } }), null);
  assert.deepEqual(changeOf(steer(), { change: { aside: true, weight: 0.5 } }), { aside: true, weight: 0.5 });
});

test("how far it is", () => {
  assert.equal(progressOf({ done: 3, failed: 0, all: 10 }), "3 of 10 steers");
  assert.equal(progressOf({ done: 9, failed: 1, all: 10 }), "9 steers changed; 1 could not be");
});
