/** What is typed is told while it is typed: one message at a time, soon after a key, and only what has changed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ahead } from "../../../src/midcourse/studio/static/js/answer/ahead.js";
import { clock } from "./clock.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** An `Ahead` whose messages are answered by hand. */
function told() {
  /** @type {string[]} */
  const sent = [];
  /** @type {((value?: unknown) => void)[]} */
  const open = [];
  const ahead = new Ahead((trace, { version, depth, text }) => {
    sent.push(`${trace} ${version} ${depth} ${text}`);
    return new Promise((resolve, reject) => open.push((error) => (error ? reject(error) : resolve(undefined))));
  }, 100);
  const type = (text, version = 1) => ahead.put({ trace: "a", body: { version, depth: 3, stop: null, text } });
  return { ahead, sent, open, type };
}

test("who types without a pause is followed, not one message a key", (t) => {
  const tick = clock(t);
  const { sent, type } = told();
  type("w");
  tick(60);
  type("wo");
  assert.deepEqual(sent, []);
  tick(60);
  assert.deepEqual(sent, ["a 1 3 wo"]);
});

test("one message at a time; then what is typed by now, if that is something else", async (t) => {
  const tick = clock(t);
  const { sent, open, type } = told();
  type("w");
  tick(100);
  type("wo");
  type("wor");
  tick(500);
  assert.deepEqual(sent, ["a 1 3 w"]);
  open[0]();
  await settled();
  tick(100);
  assert.deepEqual(sent.slice(1), ["a 1 3 wor"]);
  open[1]();
  await settled();
  type("wor");
  tick(500);
  assert.equal(sent.length, 2);
  type("wor", 2);
  tick(100);
  assert.deepEqual(sent.slice(2), ["a 2 3 wor"]);
});

test("closed, the server hears at once that nothing is typed; nothing if it had heard nothing", async (t) => {
  const tick = clock(t);
  const { ahead, sent, open, type } = told();
  type("w");
  ahead.close();
  tick(500);
  assert.deepEqual(sent, []);
  type("w");
  tick(100);
  ahead.close();
  assert.deepEqual(sent, ["a 1 3 w"]);
  open[0](new Error("away"));
  await settled();
  assert.deepEqual(sent.slice(1), ["a 1 3 "]);
});

test("sent, nothing more is told", async (t) => {
  const tick = clock(t);
  const { ahead, sent, open, type } = told();
  type("w");
  tick(100);
  type("wo");
  ahead.sent();
  open[0]();
  await settled();
  tick(500);
  assert.deepEqual(sent, ["a 1 3 w"]);
  ahead.close();
  tick(500);
  assert.equal(sent.length, 1);
});
