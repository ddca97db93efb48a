/** Reports of a training as lines. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { curves, epochs, notes, thinned } from "../../../src/midcourse/studio/static/js/curves.js";

/** @param {Partial<import("../../../src/midcourse/studio/static/js/types.d.ts").Point>} own */
function point(own) {
  const none = { loss: null, margin: null, accuracy: null, held_out: null, tokens_per_second: null, seconds_left: null, note: null };
  return { n: 0, phase: "train", step: 0, steps: 10, epoch: 1, epochs: 2, ...none, ...own };
}

test("a line for each number that there is", () => {
  const found = curves([point({ step: 1, loss: 2 }), point({ step: 2, loss: 1.5, margin: 0.5 })]);
  assert.deepEqual(found.map(({ name }) => name), ["loss", "margin"]);
  assert.deepEqual(found[0].train, { x: [1, 2], y: [2, 1.5] });
  assert.deepEqual(found[1].train, { x: [2], y: [0.5] });
});

test("what is held out has a point only where it was looked at", () => {
  const looks = [null, { loss: 3 }, { loss: 3 }, { loss: 3 }, { loss: 2, accuracy: 1 }];
  const [loss, accuracy] = curves(looks.map((held_out, place) => point({ step: place + 1, loss: 1, held_out })));
  assert.deepEqual(loss.held, { x: [2, 5], y: [3, 2] });
  assert.deepEqual([accuracy.name, accuracy.held], ["accuracy", { x: [5], y: [1] }]);
});

test("a look comes with a note, too, and says at which step it was", () => {
  const look = (step, loss) => point({ phase: "note", note: "held out", step: 9, held_out: { step, loss } });
  const [loss] = curves([look(0, 4), point({ step: 1, loss: 3 }), look(5, 2), point({ step: 6, loss: 1 })]);
  assert.deepEqual([loss.held, loss.train], [{ x: [0, 5], y: [4, 2] }, { x: [1, 6], y: [3, 1] }]);
});

test("other phases and notes are no points; the last report of a step counts", () => {
  const [loss] = curves([
    point({ phase: "reference", step: 3, loss: 9 }),
    point({ note: "beware", step: 4, loss: 9 }),
    point({ step: 5, loss: 2 }),
    point({ step: 5, loss: 1 }),
    point({ step: 6, loss: NaN }),
  ]);
  assert.deepEqual(loss.train, { x: [5], y: [1] });
});

test("nothing to show, no curves", () => assert.deepEqual(curves([point({})]), []));

test("long lines are thinned and keep their ends", () => {
  const x = Array.from({ length: 5000 }, (_, place) => place);
  const less = thinned({ x, y: x }, 100);
  assert.deepEqual([less.x.length, less.x[0], less.x[99]], [100, 0, 4999]);
  assert.deepEqual(less.x, less.y);
});

test("epochs begin where the number grows", () => {
  assert.deepEqual(epochs([1, 1, 2, 2, 3].map((epoch, step) => point({ epoch, step }))), [2, 4]);
});

test("notes once each", () => {
  assert.deepEqual(notes(["a", null, "b", "a"].map((note) => point({ note }))), ["a", "b"]);
});
