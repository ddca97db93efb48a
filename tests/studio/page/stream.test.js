/** The stream parser, fed as badly as a network may. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { events, parse } from "../../../src/midcourse/studio/static/js/stream.js";

const TEXT = 'event: token\ndata: {"text":"é 👩‍🚀 ﬁn"}\n\n: still there\n\nevent: run\ndata: a\ndata: b\n\ndata\ndata: c\n\nid: 7\nretry: 10\ndata:d\n\n';
const MEANT = [
  { event: "token", data: '{"text":"é 👩‍🚀 ﬁn"}' },
  { event: "run", data: "a\nb" },
  { event: "message", data: "\nc" },
  { event: "message", data: "d" },
];

/** @param {Uint8Array[]} chunks @param {() => void} [cancel] */
function body(chunks, cancel) {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel,
  });
}

/** @param {Uint8Array} bytes @param {number} size */
function cut(bytes, size) {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.slice(at * size, (at + 1) * size));
}

/** @param {AsyncIterable<unknown>} found */
async function all(found) {
  const list = [];
  for await (const one of found) list.push(one);
  return list;
}

for (const [name, end] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]]) {
  test(`chunks of every size say the same, lines ended by ${name}`, async () => {
    // A CR that ends the body may be half of a CRLF: there its event is not whole.
    const bytes = new TextEncoder().encode(TEXT.replaceAll("\n", end) + (end === "\r" ? ":" : ""));
    for (let size = 1; size <= bytes.length; size++) assert.deepEqual(await all(events(body(cut(bytes, size)))), MEANT);
  });
}

test("mixed ends of lines", async () => {
  assert.deepEqual(await all(parse(one("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"))), [
    { event: "message", data: "a" },
    { event: "message", data: "b" },
    { event: "message", data: "c" },
  ]);
});

test("an event that is not whole is none", async () => {
  assert.deepEqual(await all(parse(one("data: a\n\ndata: b\n"))), [{ event: "message", data: "a" }]);
  assert.deepEqual(await all(parse(one("event: only\n\n"))), []);
  assert.deepEqual(await all(parse(one(""))), []);
});

test("a byte order mark is no part of the first field", async () => {
  assert.deepEqual(await all(parse(one("\uFEFFdata: a\n\n"))), [{ event: "message", data: "a" }]);
});

test("who stops reading cancels the body", async () => {
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: a\n\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const event of events(endless)) if (event) break;
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(cancelled);
});

test("a body that breaks throws, after what it had said", async () => {
  let pulled = 0;
  const broken = new ReadableStream({
    pull(controller) {
      if (pulled++ === 0) controller.enqueue(new TextEncoder().encode("data: a\n\ndata: b"));
      else controller.error(new TypeError("network"));
    },
  });
  /** @type {unknown[]} */
  const seen = [];
  await assert.rejects(async () => {
    for await (const event of events(broken)) seen.push(event);
  }, TypeError);
  assert.deepEqual(seen, [{ event: "message", data: "a" }]);
});

/** @param {string} text */
async function* one(text) {
  yield text;
}
