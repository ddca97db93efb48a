/** Which rows are drawn. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawn, reached, screenful } from "../../../src/midcourse/studio/static/js/virtual.js";

const view = { top: 1000, height: 300, row: 100, total: 500 };

test("what is in sight is drawn, and a few rows around it", () => {
  assert.deepEqual(drawn(view, 2), { first: 8, last: 15 });
  assert.deepEqual(drawn({ ...view, top: 1050 }, 0), { first: 10, last: 14 });
});

test("nothing is drawn that is not there", () => {
  assert.deepEqual(drawn({ ...view, top: 0 }), { first: 0, last: 9 });
  assert.deepEqual(drawn({ ...view, total: 11 }, 3), { first: 7, last: 11 });
  assert.deepEqual(drawn({ ...view, total: 0 }), { first: 0, last: 0 });
  assert.deepEqual(drawn({ ...view, total: 3 }, 0), { first: 3, last: 3 }); // the list has become shorter than the scroll
});

test("every place is covered while one scrolls, whatever the pixels", () => {
  for (let top = 0; top < 5000; top += 7) {
    const { first, last } = drawn({ ...view, top }, 0);
    assert.ok(first * 100 <= top && last * 100 >= top + 300, `${top}`);
  }
});

test("a row is reached with as little scrolling as possible", () => {
  assert.equal(reached(11, view), 1000);
  assert.equal(reached(3, view), 300);
  assert.equal(reached(13, view), 1100);
  assert.equal(reached(0, { ...view, top: 40 }), 0);
});

test("a page is what can be seen but one row, and at least one", () => {
  assert.equal(screenful({ height: 950, row: 100 }), 8);
  assert.equal(screenful({ height: 90, row: 100 }), 1);
});
