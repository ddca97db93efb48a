// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, best, filter, filtered, fitting, inAddress, ofAddress, placed, same, words } from "../../../src/midcourse/studio/static/js/asked.js";
import { attributes, toggled } from "../../../src/midcourse/studio/static/js/serves.js";

const dial = { name: "verbosity", minimum: 0, maximum: 4, step: 1, better: /** @type {const} */ ("neither"), description: "", low: "short", high: "" };
const quality = { ...dial, name: "quality", better: /** @type {const} */ ("higher") };
const rude = { ...dial, name: "rude_words", minimum: -1, better: /** @type {const} */ ("lower") };
const dials = { name: "mine", way: /** @type {const} */ ("system"), dials: [dial, quality, rude] };

test("a value on its scale", () => {
  assert.equal(placed(dial, undefined), "any");
  assert.equal(placed(dial, 0), "0, short");
  assert.equal(placed(dial, 2.5), "2.5 of 0 to 4");
  assert.equal(placed(dial, 4), "4 of 0 to 4");
});

test("what is asked for in words", () => {
  assert.deepEqual(words({}), []);
  assert.deepEqual(words({}, 2), []);
  assert.deepEqual(words({ verbosity: 1, rude_words: -1 }, 1.5), ["verbosity 1", "rude words -1", "γ 1.5"]);
});

test("what these dials can ask for", () => {
  assert.deepEqual(fitting({ attributes: { verbosity: 1, wit: 2, quality: 5, rude_words: -1 }, guidance: 2 }, dials), { attributes: { verbosity: 1, rude_words: -1 }, guidance: 2 });
  assert.deepEqual(fitting({ attributes: { verbosity: 1 }, guidance: 99 }, dials).guidance, 1);
  assert.deepEqual(fitting({ attributes: { verbosity: 1 }, guidance: 1 }, null), NOTHING);
  assert.deepEqual(best(dials), { quality: 4, rude_words: -1 });
});

test("whether both ask for the same: guidance towards nothing is nothing", () => {
  assert.ok(same(NOTHING, { attributes: {}, guidance: 3 }));
  assert.ok(same({ attributes: { a: 1, b: 2 }, guidance: 2 }, { attributes: { b: 2, a: 1 }, guidance: 2 }));
  for (const other of [{ attributes: { a: 1 }, guidance: 2 }, { attributes: { a: 2 }, guidance: 1 }, { attributes: { b: 1 }, guidance: 1 }, NOTHING]) assert.ok(!same({ attributes: { a: 1 }, guidance: 1 }, other));
});

test("through an address and back", () => {
  const asked = { attributes: { verbosity: 1, rude_words: -0.5 }, guidance: 1.5 };
  assert.deepEqual(ofAddress(inAddress(asked)), asked);
  assert.deepEqual(ofAddress(inAddress(NOTHING)), NOTHING);
  assert.deepEqual(ofAddress("verbosity=x,=3,quality=2,,γ="), { attributes: { quality: 2 }, guidance: 1 });
});

test("a filter by an attribute, and by a value of it", () => {
  assert.equal(filter("verbosity", ""), "verbosity");
  assert.equal(filter("verbosity", "1.5"), "verbosity:1.5..1.5");
  assert.equal(filter("", "1"), "");
  assert.deepEqual(filtered("verbosity:-1..-1"), { name: "verbosity", value: "-1" });
  assert.deepEqual(filtered("verbosity:1..2"), { name: "verbosity:1..2", value: "" });
  assert.deepEqual(filtered(undefined), { name: "", value: "" });
});

test("what a steer can serve: what can be asked for, and what is in use", () => {
  const models = /** @type {any} */ ({ dials });
  const facets = /** @type {any} */ ({ serves: [{ value: "wit" }], attributes: [{ value: "quality" }] });
  const trace = /** @type {any} */ ({ attributes: { humour: 1 } });
  assert.deepEqual(attributes({ models, facets, trace }, ["own", "wit"]), ["verbosity", "quality", "rude_words", "humour", "wit", "own"]);
  assert.deepEqual(attributes({ models: null, facets: null, trace: null }), []);
  assert.deepEqual(toggled(["a", "b"], "a"), ["b"]);
  assert.deepEqual(toggled(["a"], "b"), ["a", "b"]);
});
