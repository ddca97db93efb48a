/** A comparison, event by event. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { begun, broken, followed } from "../../../src/midcourse/studio/static/js/comparison.js";

const event = (kind, more) => ({ kind, prompt: 0, side: null, text: null, token: null, tokens: null, message: null, ...more });
const token = (text, other = null) => ({ id: 1, text, logprob: -1, other, ends: false });
const run = (...events) => events.reduce(followed, begun());
const texts = ({ tokens }) => tokens.map(({ text }) => text).join("");

test("sides grow by tokens, and are whole with what the other thinks", () => {
  const growing = run(event("begin", { text: "Hello" }), event("token", { side: "left", token: token("a") }), event("token", { side: "right", token: token("b") }), event("token", { side: "left", token: token("c") }));
  const [prompt] = growing.prompts;
  assert.deepEqual([prompt.text, texts(prompt.left), texts(prompt.right), prompt.left.whole], ["Hello", "ac", "b", false]);
  const whole = followed(growing, event("side", { side: "left", tokens: [token("a", -2), token("c", -3)] }));
  assert.deepEqual([texts(whole.prompts[0].left), whole.prompts[0].left.whole], ["ac", true]);
  assert.equal(whole.prompts[0].right, growing.prompts[0].right, "what did not change is the same");
  assert.equal(followed(whole, event("end")).state, "done");
});

test("a prompt that fails does not end the others", () => {
  const found = run(event("begin", { text: "a" }), event("error", { message: "too long" }), event("begin", { prompt: 1, text: "b" }), event("token", { prompt: 1, side: "left", token: token("x") }));
  assert.deepEqual([found.prompts[0].error, found.prompts[1].error, texts(found.prompts[1].left), found.state], ["too long", null, "x", "running"]);
});

test("what fails as a whole, is stopped, or belongs to no prompt", () => {
  assert.deepEqual([run(event("error", { message: "no model" })).state, run(event("error", { message: "no model" })).error], ["failed", "no model"]);
  assert.equal(broken(begun(), null).state, "stopped");
  assert.deepEqual([broken(begun(), "gone").state, broken(begun(), "gone").error], ["failed", "gone"]);
  assert.deepEqual(run(event("token", { side: "left", token: token("x") })).prompts, []);
});
