/** The reducer: what the server's events make of the page's state. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { address, parse } from "../../../src/midcourse/studio/static/js/router.js";
import { initial, reduce } from "../../../src/midcourse/studio/static/js/state.js";
import { createStore } from "../../../src/midcourse/studio/static/js/store.js";

const token = (text) => ({ id: text.length, text, logprob: -1, source: "model", span: -1, ends: false });
const view = (id, version, keep, texts, more = {}) => ({ id, version, keep, tokens: texts.map(token), title: id, run: { state: "idle" }, ...more });
const written = (trace, version, depth, text) => ({ type: "token", data: { trace, version, depth, token: token(text), alternatives: [{ text }] } });
const at = (id) => ({ type: "route", route: { view: "steer", id, query: {} } });
const run = (...events) => events.reduce(reduce, initial());
const texts = ({ trace }) => trace.tokens.map(({ text }) => text).join("");
const row = (id, more = {}) => ({ id, title: id, answer: null, steers: 0, tags: [], attributes: {}, author: null, ...more });

test("a trace comes, grows by tokens, and is cut and continued", () => {
  const begun = run(at("a"), { type: "trace", data: view("a", 1, 0, ["one", " two"]) });
  assert.equal(texts(begun), "one two");
  const grown = [written("a", 1, 2, " three"), written("a", 1, 3, " four")].reduce(reduce, begun);
  assert.equal(texts(grown), "one two three four");
  assert.deepEqual(grown.trace.alternatives[3], [{ text: " four" }]);
  assert.equal(grown.trace.tokens[1], begun.trace.tokens[1]);
  const cut = reduce(grown, { type: "trace", data: view("a", 2, 2, [" 3", " 4"]) });
  assert.equal(texts(cut), "one two 3 4");
  assert.deepEqual(cut.trace.alternatives[2], [{ text: " three" }], "what could stand there depends on what is before it");
  assert.equal(cut.trace.alternatives[3], undefined);
  assert.equal(cut.trace.version, 2);
  assert.ok(!cut.trace.torn);
});

test("an event twice, late, or of another trace changes nothing", () => {
  const state = run(at("a"), { type: "trace", data: view("a", 3, 0, ["x", "y"]) });
  for (const event of [written("a", 3, 1, "y"), written("a", 2, 2, "z"), written("b", 3, 2, "z")]) assert.equal(reduce(state, event), state);
  assert.equal(reduce(state, { type: "trace", data: view("b", 1, 0, []) }), state);
  assert.equal(reduce(state, { type: "trace", data: view("a", 2, 1, ["q"]) }), state);
});

test("a gap or another version tears the trace; the whole one mends it", () => {
  const state = run(at("a"), { type: "trace", data: view("a", 1, 0, ["x"]) });
  for (const event of [written("a", 1, 2, "z"), written("a", 2, 1, "z"), { type: "trace", data: view("a", 2, 5, []) }]) {
    const torn = reduce(state, event);
    assert.ok(torn.trace.torn);
    assert.equal(texts(torn), "x", "shown as it was");
    assert.equal(reduce(torn, written("a", 1, 1, "y")), torn);
    const whole = reduce(torn, { type: "trace", data: view("a", 2, 0, ["x", "y"]) });
    assert.equal(texts(whole), "xy");
    assert.ok(!whole.trace.torn);
  }
});

test("what the model is doing is shown without touching the tokens", () => {
  const state = run(at("a"), { type: "trace", data: view("a", 1, 0, ["x"]) });
  const next = reduce(state, { type: "run", data: { trace: "a", version: 1, run: { state: "writing" } } });
  assert.equal(next.trace.run.state, "writing");
  assert.equal(next.trace.tokens, state.trace.tokens);
});

test("going elsewhere and back keeps the trace; going to another lets it go", () => {
  const state = run(at("a"), { type: "trace", data: view("a", 1, 0, ["x"]) });
  const away = reduce(state, { type: "route", route: { view: "review", id: null, query: {} } });
  assert.equal(reduce(away, at("a")).trace, state.trace);
  assert.equal(reduce(state, at("b")).trace, null);
  const missing = reduce(reduce(state, at("b")), { type: "missing", id: "b", message: "no" });
  assert.equal(missing.missing, "no");
  assert.equal(reduce(missing, at("c")).missing, null);
});

test("another adapter makes what could have been written unknown", () => {
  const models = (active) => ({ type: "models", data: { model: "m", active } });
  const state = run(at("a"), models(null), { type: "trace", data: view("a", 1, 0, []) }, written("a", 1, 0, "x"));
  assert.equal(reduce(state, models(null)).trace, state.trace);
  assert.deepEqual(reduce(state, models("mine")).trace.alternatives, []);
});

test("pages join, an answer to an old question is dropped, rows change in place or come first", () => {
  const filter = {};
  const first = { type: "page", filter, after: null, page: { rows: [row("c"), row("b")], next: "b" } };
  const second = { type: "page", filter, after: "b", page: { rows: [row("b"), row("a")], next: null } };
  const ids = ({ list }) => list.rows.map(({ id }) => id).join("");
  const state = run({ type: "filter", filter }, first, second);
  assert.equal(ids(state), "cba");
  assert.equal(ids(reduce(state, { type: "page", filter: {}, after: null, page: { rows: [], next: null } })), "cba");
  assert.equal(ids(reduce(state, { type: "row", data: row("d") })), "dcba");
  const changed = reduce(state, { type: "row", data: row("b", { steers: 3 }) });
  assert.equal(ids(changed), "cba");
  assert.equal(changed.list.rows[1].steers, 3);
  assert.equal(changed.list.rows[0], state.list.rows[0]);
});

test("a new row that the filter excludes stays out", () => {
  const filtered = (filter) => run({ type: "filter", filter }, { type: "page", filter, after: null, page: { rows: [], next: null } });
  const comes = (filter, more) => reduce(filtered(filter), { type: "row", data: row("a", more) }).list.rows.length === 1;
  assert.ok(!comes({ tag: "x" }, { tags: ["y"] }));
  assert.ok(comes({ tag: "x" }, { tags: ["x"] }));
  assert.ok(!comes({ steered: true }, { steers: 0 }));
  assert.ok(comes({ steered: false }, { steers: 0 }));
  assert.ok(comes({ text: "TOML" }, { answer: "a toml card" }));
  assert.ok(!comes({ attribute: "humour" }, { attributes: { quality: 2 } }));
});

test("the same words are one notice, and there are never many", () => {
  const notice = (id, text) => ({ type: "notice", notice: { id, kind: "info", text, problems: [], action: null } });
  const state = run(...[1, 2, 3, 4, 5, 6, 7].map((id) => notice(id, id < 3 ? "same" : `n${id}`)));
  assert.deepEqual(state.notices.map(({ id }) => id), [3, 4, 5, 6, 7]);
  assert.equal(run(notice(1, "same"), notice(2, "same")).notices.length, 1);
  assert.deepEqual(reduce(state, { type: "dismiss", id: 4 }).notices.map(({ id }) => id), [3, 5, 6, 7]);
});

test("who watches is told of what it watches, once", () => {
  const store = createStore();
  const end = new AbortController();
  const seen = [];
  store.watch(({ route }) => route.view, (value, before) => seen.push([value, before]), end.signal);
  store.dispatch({ type: "connection", state: "open" });
  store.dispatch({ type: "route", route: { view: "data", id: null, query: {} } });
  end.abort();
  store.dispatch(at(null));
  assert.deepEqual(seen, [["steer", undefined], ["data", "steer"]]);
});

test("addresses round-trip, and nonsense leads home", () => {
  for (const [view, id, query] of [["steer", "a/ü?#&", {}], ["review", null, { tag: "a b&c" }], ["train", "7", { q: "1" }]]) {
    assert.deepEqual(parse(address(view, id, query)), { view, id, query });
  }
  for (const hash of ["", "#", "#/", "#/nowhere/x"]) assert.equal(parse(hash).view, "steer");
  assert.equal(parse("#/steer/%").id, "%");
});
