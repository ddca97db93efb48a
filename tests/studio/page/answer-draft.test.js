/** A correction while it is made: where a space comes by itself, which keys count, what is sent, and that it is never lost. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as drafts from "../../../src/midcourse/studio/static/js/answer/draft.js";
import { alternatives, token, trace } from "./made.js";

const WALK = "It's| a| lovely| day|.|\n\n|Come|ing";
const at = (depth, text = WALK) => drafts.begun(trace(text), depth);

test("a word in the place of a word gets the space that stood there", () => {
  assert.equal(drafts.exact(drafts.typed(at(2), "dull")), " dull");
  assert.equal(drafts.exact(drafts.typed(at(0), "That")), "That", "nothing stands before the beginning");
  assert.equal(drafts.exact(drafts.typed(at(6), "Go")), "Go", "a line begins here");
  assert.equal(drafts.exact(drafts.typed(at(7), "back")), "back", "inside a word");
  assert.equal(drafts.exact(drafts.typed(at(5), "Truly.")), " Truly.", "where a line broke, a sentence goes on");
});

test("what closes comes without a space, unless the person wants one", () => {
  for (const text of [".", ", and", "’s", "'ll see", "…", ")"]) assert.equal(drafts.exact(drafts.typed(at(3), text)), text);
  for (const text of ["'quoted' words", "“so”", "-", "(so)"]) assert.equal(drafts.exact(drafts.typed(at(3), text)), ` ${text}`);
  assert.equal(drafts.exact(drafts.typed(drafts.atBeginning(at(3), "Space"), ".")), " .");
});

test("at the end the likeliest words say whether one begins", () => {
  const end = (text, ...next) => drafts.wantsSpace(trace(text, { alternatives: { [text.split("|").length]: alternatives(...next) } }), text.split("|").length);
  assert.equal(end("a| walk", " by", " in", "ing"), true);
  assert.equal(end("a| wal", "k", " by"), false);
  assert.equal(drafts.wantsSpace(trace("a| walk"), 2), true, "not known yet: a word has ended");
  assert.equal(drafts.wantsSpace(trace("a| $"), 2), false);
});

test("a character that is not complete yet hides nothing", () => {
  const tokens = [token("so"), token(""), token("")];
  assert.equal(drafts.wantsSpace({ ...trace(""), tokens }, 2), false);
});

test("Backspace joins, Space is not typed twice, and either lets digits be typed", () => {
  assert.equal(drafts.exact(drafts.typed(drafts.atBeginning(at(2), "Backspace"), "n")), "n");
  assert.ok(drafts.picks(at(2)));
  const settled = drafts.atBeginning(at(2), "Space");
  assert.ok(!drafts.picks(settled));
  assert.equal(drafts.exact(drafts.typed(settled, "36")), " 36");
  assert.equal(drafts.atBeginning(settled, "Space"), null, "a second space is one");
  assert.ok(!drafts.picks(drafts.atBeginning(at(6), "Backspace")));
  assert.ok(drafts.picks(drafts.typed(drafts.typed(settled, "3"), "")), "empty again: digits pick again");
});

test("what is sent", () => {
  const draft = { ...drafts.typed(at(2), "dull"), stop: 4, reason: " tone ", tags: ["mood"], weight: 2, serves: ["wit"] };
  assert.deepEqual(drafts.command(draft, "correct", 3), {
    version: 3, action: "correct", depth: 2, stop: 4, text: " dull", token: null, ends: false, reason: "tone", tags: ["mood"], weight: 2, serves: ["wit"], go_on: true,
  });
  const write = drafts.command(draft, "write", 3);
  assert.deepEqual([write.text, write.stop, write.reason, write.tags, write.weight, write.serves], [" dull", null, null, [], 1, []], "it trains nothing");
  assert.deepEqual([drafts.command(draft, "pick", 3, 7).token, drafts.command(draft, "pick", 3, 7).text], [7, ""]);
  assert.equal(drafts.command(draft, "mark", 3).go_on, false);
});

test("nothing typed is not sent, and says what to do", () => {
  assert.match(drafts.missing(at(2), "correct", trace(WALK)), /Nothing is typed/);
  assert.equal(drafts.missing(at(2), "end", trace(WALK)), null);
  assert.equal(drafts.missing(at(2), "mark", trace(WALK)), null);
  assert.match(drafts.missing(at(8), "mark", trace(WALK)), /Nothing follows/);
});

test("the line stays where it is while the tokens before it are the same", () => {
  const draft = { ...drafts.typed(at(2), "dull"), stop: 4 };
  assert.equal(drafts.followed(draft, trace(`${WALK}| more`)), draft);
  assert.equal(drafts.followed(draft, trace("It's| a| lovely")).stop, null, "what it rejected to is gone");
});

test("a change before the line keeps the text, moves the line to where the answer went another way, and says so", () => {
  const tokens = [token("It's", { id: 0 }), token(" the", { id: 99 })];
  const moved = drafts.followed(drafts.typed(at(3), "dull"), { ...trace(""), tokens });
  assert.deepEqual([moved.depth, moved.text, moved.sending], [1, "dull", false]);
  assert.match(moved.problem, /changed/);
});

test("a refused correction is still there", () => {
  const draft = { ...drafts.typed(at(2), "dull"), sending: true };
  for (const code of ["stale", "offline", "steer"]) {
    const kept = drafts.refused(draft, { code, message: "Not now." });
    assert.deepEqual([kept.text, kept.sending], ["dull", false]);
    assert.match(kept.problem, /still here/);
  }
});

test("what the server had without saying so is not asked for again", () => {
  const sent = drafts.sending(drafts.typed(at(2), "dull"), trace(WALK));
  assert.ok(drafts.arrived(sent, trace("It's| a| du|ll| day")));
  assert.ok(!drafts.arrived(sent, trace(WALK)));
  assert.ok(!drafts.arrived(drafts.refused(sent, { code: "stale", message: "" }), trace("It's| a| dull")), "that was another's");
  assert.ok(drafts.arrived(drafts.refused(sent, { code: "offline", message: "" }), trace("It's| a| dull")));
  assert.ok(!drafts.arrived(drafts.typed(at(2), "dull"), trace("It's| a| dull")), "never sent");
});

test("a draft in the browser comes back as it was, without what was on its way", () => {
  const draft = { ...drafts.typed(at(2), "dull"), tags: ["mood"], sending: true, problem: "gone" };
  assert.deepEqual(drafts.parsed(drafts.written(draft)), { ...draft, sending: false, problem: null });
  for (const text of ["", "{", "null", '{"text":"x"}']) assert.equal(drafts.parsed(text), null);
});
