/** What is said: of tokens, of the model's state, of branches and steers; and which sentences are read aloud when. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { outline, sibling, steerAt, steerLine } from "../../../src/midcourse/studio/static/js/answer/outline.js";
import { doing, resumed, sentences } from "../../../src/midcourse/studio/static/js/answer/status.js";
import { tagList } from "../../../src/midcourse/studio/static/js/answer/tags.js";
import { counted, described, named, percent, spoken, visible } from "../../../src/midcourse/studio/static/js/answer/words.js";
import { token, trace } from "./made.js";

test("probabilities are never rounded to what they are not", () => {
  assert.deepEqual([1, 0.9999, 0.996, 0.5, 0.011, 0.004, 0.0001].map((share) => percent(Math.log(share))), ["100 %", "100 %", "99 %", "50 %", "1 %", "0.4 %", "<0.1 %"]);
});

test("blanks are seen and heard", () => {
  assert.equal(visible(" two  words\n"), "␣two  words↵");
  assert.equal(visible("abcdefgh", 5), "abcd…");
  assert.equal(visible("👩‍🚀".repeat(3), 4).length <= 8, true, "a character is not cut in two");
  assert.deepEqual([named(token("")), named(token("", { ends: true })), named(token(" x"))], ["⟨part of a character⟩", "⟨end⟩", "␣x"]);
  assert.deepEqual(["\n", "\n\n", " ", "    ", "\t", " word", ""].map((text) => spoken({ text })), ["line break", "2 line breaks", "space", "4 spaces", "tab", "“word”", "part of a character"]);
  assert.equal(described(token(" word", { logprob: Math.log(0.12) }), 4, 20), "“word”, 12 %, model, token 5 of 20");
  assert.equal(described(token("x", { logprob: null, source: "human" }), 0, 1), "“x”, by hand, token 1 of 1");
});

test("what the model is doing", () => {
  const run = { state: "idle", ahead: 0, reused: null, read: null, first_token_ms: null, tokens: 0, tokens_per_second: null, ended: null, message: null };
  assert.equal(doing(run), "");
  assert.equal(doing({ ...run, state: "queued", ahead: 2 }), "Waiting: 2 others first");
  assert.equal(doing({ ...run, state: "writing", tokens_per_second: 30.6 }), "Writing, 31 tokens/s");
  assert.equal(doing({ ...run, ended: "limit", tokens: 512 }), "Paused after 512 tokens");
  assert.equal(doing({ ...run, ended: "failed", message: "Out of memory." }), "Out of memory.");
  assert.equal(resumed(run), "");
  assert.equal(resumed({ ...run, reused: 812, read: 9, first_token_ms: 40.6 }), "Reused 812 tokens, resumed in 41 ms");
  assert.equal(resumed({ ...run, reused: 0, read: 44, first_token_ms: 282.3 }), "Read 44 tokens, first word in 282 ms");
});

test("whole sentences are read aloud, the rest at the end", () => {
  assert.deepEqual(sentences("Dear Ann,\n\nIt is 3.5 km. We wal", false), { say: "Dear Ann,\n\nIt is 3.5 km.", rest: "We wal" });
  assert.deepEqual(sentences("He said “so.” Then", false), { say: "He said “so.”", rest: "Then" });
  assert.deepEqual(sentences("no end", false), { say: "", rest: "no end" });
  assert.deepEqual(sentences("no end", true), { say: "no end", rest: "" });
});

const branch = (text, more = {}) => ({ goto: { span: 1, length: 1 }, source: "model", text, tokens: 12, steers: 0, ...more });
const forks = [
  { depth: 2, current: 1, branches: [branch(" left", { steers: 2 }), branch(" present", { source: "human", goto: { span: 2, length: 3 } })] },
  { depth: 4, current: 0, branches: [branch(" a"), branch(" b", { goto: { span: 5, length: 9 } }), branch(" c", { goto: { span: 6, length: 1 } })] },
];

test("the outline says which ways are left and that their steers count", () => {
  const [first, second] = outline(trace("one| two| three| four| five", { forks }));
  assert.equal(first.context, "one two");
  assert.deepEqual(first.ways.map(({ current, about }) => [current, about]), [[false, "12 tokens · 2 steers, still count"], [true, "by hand · 12 tokens"]]);
  assert.equal(second.ways.length, 3);
  const steers = [{ start: 2, chosen: " present", reason: "tense" }, { start: 4, chosen: " b", reason: null }];
  const ways = outline(trace("one| two| three", { forks, steers })).flatMap((fork) => fork.ways.map(({ steer }) => steer));
  assert.deepEqual(ways, [null, "tense", null, null, null], "what the model wrote was begun by no steer");
});

test("siblings are those of the fork that one stands at or after, round and round", () => {
  assert.deepEqual(sibling(forks, 9, 1).to, { span: 5, length: 9 });
  assert.deepEqual(sibling(forks, 4, -1).to, { span: 6, length: 1 });
  assert.deepEqual(sibling(forks, 3, 1).to, { span: 1, length: 1 });
  assert.equal(sibling(forks, 0, 1).fork.depth, 2);
  assert.equal(sibling([], 0, 1), null);
});

test("the steer that one stands on", () => {
  const steer = (number, start, stop, more = {}) => ({ number, kind: "correction", start, chosen_stop: stop, rejected_stop: null, on_path: true, chosen: " x", rejected: [" y"], ends: false, ...more });
  const steers = [steer(0, 2, 4), steer(1, 6, 7), steer(2, 3, 9, { on_path: false })];
  assert.equal(steerAt(steers, 3).number, 0);
  assert.equal(steerAt(steers, 4).number, 0, "right after it");
  assert.equal(steerAt(steers, 5), null);
  assert.equal(steerAt(steers, 6).number, 1);
  assert.deepEqual(steerLine(steer(0, 1, 2, { chosen: " x⟨end⟩", ends: true })), { kind: "Correction", rejected: ["y"], chosen: "x ⟨end⟩" });
  assert.equal(steerLine(steer(0, 1, 2, { chosen: "⟨end⟩", ends: true, kind: "ending" })).chosen, "⟨end⟩");
  assert.equal(steerLine(steer(0, 1, 2, { chosen: null, kind: "mark" })).chosen, "");
});

test("tags and counts", () => {
  assert.deepEqual(tagList(" tone, facts ,,tone"), ["tone", "facts"]);
  assert.deepEqual([counted(1, "token"), counted(1200, "token")], ["1 token", "1,200 tokens"]);
});
