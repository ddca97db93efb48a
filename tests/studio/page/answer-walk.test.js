/** Walking over tokens and lines, narrowing, shades, and what can stay of what is shown. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { beginsParagraph, kept } from "../../../src/midcourse/studio/static/js/answer/difference.js";
import { bounds, legend, level } from "../../../src/midcourse/studio/static/js/answer/shading.js";
import { narrowed, nextLine, stepped } from "../../../src/midcourse/studio/static/js/answer/walk.js";
import { answer, token } from "./made.js";

/** Three lines of tokens of 10 units, 4 a line; the last line has the end alone. */
const box = (depth) => ({ left: (depth % 4) * 10, right: (depth % 4) * 10 + 10, top: Math.floor(depth / 4) * 20, bottom: Math.floor(depth / 4) * 20 + 16 });

test("steps stay within the answer and its end", () => {
  assert.equal(stepped(0, -1, 8), 0);
  assert.equal(stepped(8, 1, 8), 8);
  assert.equal(stepped(3, 1, 8), 4);
});

test("lines are walked straight down and up", () => {
  assert.equal(nextLine(2, 1, 8, box), 6);
  assert.equal(nextLine(6, -1, 8, box), 2);
  assert.equal(nextLine(6, 1, 8, box), 8, "the end alone is a line");
  assert.equal(nextLine(8, -1, 8, box, 35), 7, "back to the column that one came from");
  assert.equal(nextLine(2, -1, 8, box), 2, "no line above");
  assert.equal(nextLine(8, 1, 8, box), 8, "no line below");
});

test("only as much layout is asked for as the next line needs", () => {
  const asked = new Set();
  nextLine(5000, 1, 10_000, (depth) => (asked.add(depth), box(depth)));
  assert.ok(asked.size < 12, `${asked.size} boxes`);
});

test("what is rejected is narrowed from either end and never to nothing", () => {
  assert.equal(narrowed(2, null, 1, 8), 3, "one token alone");
  assert.equal(narrowed(2, 3, 1, 8), 4);
  assert.equal(narrowed(2, 3, -1, 8), 3);
  assert.equal(narrowed(2, null, -1, 8), 7);
  assert.equal(narrowed(2, 7, 1, 8), null, "all again");
  assert.equal(narrowed(8, null, 1, 8), null, "nothing follows");
});

test("the less likely, the higher the level; unknown is not unlikely", () => {
  const of = (share) => level(Math.log(share), 0.2);
  assert.deepEqual([1, 0.7, 0.6, 0.45, 0.44, 0.21, 0.19, 0.06, 0.04].map(of), [0, 0, 1, 1, 2, 2, 3, 3, 4]);
  assert.equal(level(null, 0.2), 0);
  for (const unlikely of [0.001, 0.2, 0.9]) assert.deepEqual(bounds(unlikely), [...bounds(unlikely)].sort((a, b) => a - b));
  assert.ok(legend(0.2).some(({ text }) => text.includes("20 %: unlikely")));
});

test("what looks the same stays", () => {
  const before = answer("a| b| c");
  assert.equal(kept(before, before), 3);
  assert.equal(kept(before, [...before, token(" d")]), 3);
  assert.equal(kept(before, before.slice(0, 2)), 2);
  assert.equal(kept(before, before.map((one) => ({ ...one, span: 9 }))), 3, "the span is not seen");
  assert.equal(kept(before, before.map((one, depth) => (depth === 1 ? { ...one, source: "human" } : one))), 1);
});

test("a paragraph begins after a line break, not before one", () => {
  const tokens = answer("a|\n\n|b|.\n|c");
  assert.deepEqual(tokens.map((_, depth) => beginsParagraph(tokens, depth)), [true, false, true, false, true]);
});
