/** Work on many things, a few at a time. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { several } from "../../../src/midcourse/studio/static/js/several.js";

test("all are done, a few at a time, and what fails is named", async () => {
  let under = 0;
  let most = 0;
  const { done, failed, left } = await several(
    [1, 2, 3, 4, 5, 6, 7],
    async (item) => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setImmediate(resolve));
      under -= 1;
      if (item === 3) throw new Error("three");
    },
    { most: 3 },
  );
  assert.deepEqual([done.length, failed.map(({ item }) => item), left, most], [6, [3], [], 3]);
});

test("who stops it gets what is left", async () => {
  const stop = new AbortController();
  const { done, left } = await several([1, 2, 3], async (item) => item === 1 && stop.abort(), { signal: stop.signal, most: 1 });
  assert.deepEqual([done, left], [[1], [2, 3]]);
});

test("progress is told after each", async () => {
  /** @type {number[]} */
  const told = [];
  await several([1, 2, 3], async () => {}, { progress: ({ done }) => told.push(done), most: 1 });
  assert.deepEqual(told, [1, 2, 3]);
});

test("nothing to do", async () => assert.deepEqual(await several([], async () => {}), { done: [], failed: [], left: [] }));
