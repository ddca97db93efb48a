/** Only the last question is asked and heard. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Later } from "../../../src/midcourse/studio/static/js/later.js";
import { clock } from "./clock.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A `Later` whose questions are answered by hand. */
function asked() {
  /** @type {{question: string, signal: AbortSignal, resolve: (reply: string) => void, reject: (error: unknown) => void}[]} */
  const open = [];
  /** @type {string[]} */
  const heard = [];
  const later = new Later(
    (/** @type {string} */ question, signal) => /** @type {Promise<string>} */ (new Promise((resolve, reject) => open.push({ question, signal, resolve, reject }))),
    { reply: (reply) => heard.push(reply), fail: (error) => heard.push(`failed: ${error}`) },
    100,
  );
  return { later, open, heard };
}

test("only the last question is asked, after quiet", async (t) => {
  const tick = clock(t);
  const { later, open, heard } = asked();
  later.put("a");
  tick(90);
  later.put("b");
  tick(90);
  assert.equal(open.length, 0);
  assert.ok(later.busy);
  tick(10);
  assert.deepEqual(open.map(({ question }) => question), ["b"]);
  open[0].resolve("reply to b");
  await settled();
  assert.deepEqual(heard, ["reply to b"]);
  assert.ok(!later.busy);
});

test("the answer to an old question is not heard, and its request is given up", async () => {
  const { later, open, heard } = asked();
  void later.now("a");
  void later.now("b");
  assert.ok(open[0].signal.aborted);
  open[1].resolve("reply to b");
  open[0].reject(new Error("aborted"));
  await settled();
  assert.deepEqual(heard, ["reply to b"]);
});

test("a failure is told; after a drop nothing is", async () => {
  const { later, open, heard } = asked();
  void later.now("a");
  open[0].reject("no network");
  await settled();
  void later.now("b");
  later.drop();
  open[1].resolve("too late");
  await settled();
  assert.deepEqual(heard, ["failed: no network"]);
});

