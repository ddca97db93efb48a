/** Numbers, times and lists in words. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, many, number, percent, size, tags, when } from "../../../src/midcourse/studio/static/js/words.js";

test("how long", () => {
  assert.deepEqual(
    [0, 45.4, 59.6, 200, 3600, 7500, 90_000, null, -1].map(duration),
    ["0 s", "45 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "1 d 1 h", "–", "–"],
  );
});

test("numbers", () => {
  assert.deepEqual([0, 1234567, 0.0005, 1.23456, 0.00001, NaN].map((value) => number(value)), ["0", "1.23e+6", "0.0005", "1.23", "1.00e-5", "–"]);
  assert.deepEqual([percent(0.456), percent(null)], ["46 %", "–"]);
  assert.deepEqual([many(1, "steer"), many(2000, "steer"), many(0, "reply", "replies")], ["1 steer", "2,000 steers", "0 replies"]);
  assert.deepEqual([999, 1000, 64_000_000].map(size), ["999 bytes", "1.0 kB", "64 MB"]);
});

test("when", () => {
  const now = new Date("2026-03-05T12:00:00");
  assert.equal(when("2026-03-05T09:05:00", now), "09:05");
  assert.equal(when("2026-02-28T09:05:00", now), "28 Feb");
  assert.equal(when("2025-02-28T09:05:00", now), "28 Feb 2025");
  assert.deepEqual([when(null, now), when("?", now)], ["", ""]);
});

test("tags", () => assert.deepEqual(tags(" tone, ,facts,tone "), ["tone", "facts"]));
