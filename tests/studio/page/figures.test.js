/** Curves as plotly draws them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { figure, says, themed } from "../../../src/midcourse/studio/static/js/figures.js";

const curve = (own) => ({ name: "loss", title: "Loss", train: { x: [1, 2], y: [2, 0.5] }, held: { x: [], y: [] }, ...own });

test("two lines that differ in more than colour, and none without points", () => {
  const { data, layout } = figure(curve({ held: { x: [2], y: [1] } }), [2], 10);
  assert.deepEqual(data.map(({ name }) => name), ["trained on", "held out"]);
  assert.notEqual(data[0].line.dash, data[1].line.dash);
  assert.deepEqual(layout.xaxis.range, [0, 10]);
  assert.equal(layout.shapes.length, 1);
  assert.equal(figure(curve(), [], 10).data.length, 1);
});

test("a single point is seen", () => assert.equal(figure(curve({ train: { x: [1], y: [2] } }), [], 5).data[0].mode, "markers"));

test("accuracies are shares", () => assert.equal(figure(curve({ name: "accuracy" }), [], 5).layout.yaxis.tickformat, ".0%"));

test("in a sentence", () => {
  assert.equal(says(curve({ held: { x: [2], y: [1] } })), "Loss from 2 to 0.5; Loss of held-out steers 1");
  assert.equal(says(curve({ name: "accuracy", title: "Accuracy", train: { x: [1, 2], y: [0.5, 1] } })), "Accuracy from 50 % to 100 %");
});

test("every colour comes from the page", () => {
  const asked = new Set();
  const found = themed(figure(curve({ held: { x: [2], y: [1] } }), [3], 10), (name) => (asked.add(name), `<${name}>`));
  assert.ok(asked.has("--accent") && asked.has("--muted") && asked.has("--unlikely"));
  assert.ok(!JSON.stringify(found).includes('"--'));
  assert.equal(found.data[0].line.color, "<--accent>");
});
