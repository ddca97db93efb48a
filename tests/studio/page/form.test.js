/** Settings as a form. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { changed, grouped, read, written } from "../../../src/midcourse/studio/static/js/form.js";

/** @param {Partial<import("../../../src/midcourse/studio/static/js/types.d.ts").Setting>} own */
function setting(own) {
  return /** @type {import("../../../src/midcourse/studio/static/js/types.d.ts").Setting} */ ({
    name: "epochs", topic: "Steps", type: "integer", default: 4, choices: [], minimum: 1, maximum: null, help: "", ...own,
  });
}

test("basic ones first, the rest by topic in their order", () => {
  const names = ["beta", "learning_rate", "clip", "full", "objective", "horizon"];
  const topics = ["Objective", "Steps", "Steps", "Weights", "Objective", "Objective"];
  const { basic, topics: rest } = grouped(names.map((name, place) => setting({ name, topic: topics[place] })));
  assert.deepEqual(basic.map(({ name }) => name), ["objective", "learning_rate"]);
  assert.deepEqual(rest.map(({ topic, settings }) => [topic, settings.map(({ name }) => name)]), [
    ["Objective", ["beta", "horizon"]],
    ["Steps", ["clip"]],
    ["Weights", ["full"]],
  ]);
});

test("numbers are read and bounded", () => {
  assert.deepEqual(read(setting({}), " 6 "), { value: 6, problem: null });
  assert.deepEqual(read(setting({ type: "number", minimum: 0 }), "5e-4"), { value: 5e-4, problem: null });
  assert.deepEqual(read(setting({ type: "number", minimum: null }), "0,5"), { value: 0.5, problem: null });
  assert.match(read(setting({}), "six").problem ?? "", /no number/);
  assert.match(read(setting({}), "1.5").problem ?? "", /whole/);
  assert.match(read(setting({}), "0").problem ?? "", /at least 1/);
  assert.match(read(setting({ maximum: 9 }), "10").problem ?? "", /at most 9/);
  assert.match(read(setting({}), "Infinity").problem ?? "", /no number/);
});

test("an empty field is the default", () => assert.equal(read(setting({}), "  ").value, 4));

test("lists and pairs", () => {
  const list = setting({ type: "other", default: ["all-linear"] });
  assert.deepEqual(read(list, "q_proj, v_proj").value, ["q_proj", "v_proj"]);
  const pairs = setting({ type: "other", default: {} });
  assert.deepEqual(read(pairs, "dpo: mean, sft=sum").value, { dpo: "mean", sft: "sum" });
  assert.match(read(pairs, "dpo").problem ?? "", /name: value/);
  assert.equal(written({ dpo: "mean" }), "dpo: mean");
  assert.equal(written(["a", "b"]), "a, b");
});

test("values as they stand in a field", () => {
  assert.deepEqual([5e-4, 0.05, 0, null, "x", true].map(written), ["5e-4", "0.05", "0", "", "x", "true"]);
});

test("only what is otherwise than usual is sent", () => {
  const settings = [setting({}), setting({ name: "targets", default: ["a"] }), setting({ name: "full", default: false })];
  const values = new Map(/** @type {[string, unknown][]} */ ([["epochs", 4], ["targets", ["a", "b"]], ["full", false], ["odd", 1]]));
  assert.deepEqual(changed(settings, values), { targets: ["a", "b"] });
});
