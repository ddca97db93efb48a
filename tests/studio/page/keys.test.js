/** The names of keys, and that no two actions of a place share one. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ACTIONS, PLACES } from "../../../src/midcourse/studio/static/js/actions.js";
import { chord, is, keysOf, label } from "../../../src/midcourse/studio/static/js/keys.js";
import { store } from "../../../src/midcourse/studio/static/js/store.js";

const press = (key, more = {}) => ({ key, code: "", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

test("a key press has one name", () => {
  assert.equal(chord(press("n")), "n");
  assert.equal(chord(press("N", { shiftKey: true })), "N");
  assert.equal(chord(press("?", { shiftKey: true })), "?");
  assert.equal(chord(press("Enter", { shiftKey: true })), "Shift+Enter");
  assert.equal(chord(press("Z", { ctrlKey: true, shiftKey: true })), "Ctrl+Shift+z");
  assert.equal(chord(press("z", { metaKey: true })), "Ctrl+z");
  assert.equal(chord(press("¡", { altKey: true, code: "Digit1" })), "Alt+1");
  assert.equal(chord(press(" ")), "Space");
  assert.equal(chord(press("+")), "+");
  assert.equal(chord(press("Shift", { shiftKey: true })), "");
});

test("what is shown", () => {
  assert.equal(label("Ctrl+Shift+z"), "Ctrl+Shift+Z");
  assert.equal(label("ArrowLeft"), "←");
  assert.equal(label("n"), "n");
  assert.equal(label("Ctrl++"), "Ctrl++");
  assert.equal(label("+"), "+");
  assert.equal(label(""), "");
});

test("no two actions that can be meant at once share a key", () => {
  for (const { place } of PLACES) {
    const here = ACTIONS.filter((action) => action.place === place || action.place === "everywhere");
    const keys = here.flatMap((action) => keysOf(action, {}));
    assert.deepEqual([...new Set(keys)], keys, place);
  }
  assert.equal(new Set(ACTIONS.map(({ id }) => id)).size, ACTIONS.length);
  assert.deepEqual(new Set(ACTIONS.map(({ place }) => place)), new Set(PLACES.map(({ place }) => place)));
});

test("a changed key counts, and the old one no more", () => {
  assert.ok(is(press("Enter"), "keep"));
  store.dispatch({ type: "preferences", preferences: { ...store.state.preferences, keys: { keep: "Ctrl+Enter" } } });
  assert.ok(!is(press("Enter"), "keep"));
  assert.ok(is(press("Enter", { ctrlKey: true }), "keep"));
});
