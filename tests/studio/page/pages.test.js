/** A long list, page by page, over a connection that may fail. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pages } from "../../../src/midcourse/studio/static/js/pages.js";

/** A list of `size` numbers that is given out as a server does. */
function server(/** @type {number} */ size) {
  /** @type {[string | null, number][]} */
  const asked = [];
  const fetch = async (/** @type {string | null} */ after, /** @type {number} */ limit) => {
    asked.push([after, limit]);
    const from = after === null ? 0 : Number(after);
    const rows = Array.from({ length: Math.min(limit, size - from) }, (_, place) => from + place);
    return { rows, next: from + rows.length < size ? String(from + rows.length) : null, total: after === null ? size : null };
  };
  return { fetch, asked };
}

test("a page first, and the whole number of rows with it", async () => {
  const { fetch, asked } = server(1000);
  const pages = new Pages(fetch, () => {}, { page: 50 });
  await pages.want(10);
  assert.deepEqual([pages.rows.length, pages.total, pages.complete], [50, 1000, false]);
  assert.deepEqual(asked, [[null, 50]]);
  await pages.want(50);
  assert.equal(asked.length, 1);
});

test("what is wanted far below comes in few large pages, in order", async () => {
  const { fetch, asked } = server(1000);
  const pages = new Pages(fetch, () => {}, { page: 50, most: 400 });
  await pages.want(50);
  await pages.want(920);
  assert.deepEqual(asked.map(([, limit]) => limit), [50, 400, 400, 70]);
  assert.deepEqual(pages.rows, Array.from({ length: 920 }, (_, place) => place));
});

test("the last page says how many there are", async () => {
  const { fetch } = server(70);
  const pages = new Pages(fetch, () => {}, { page: 50 });
  await pages.want(1000);
  assert.deepEqual([pages.rows.length, pages.total, pages.complete], [70, 70, true]);
});

test("one page at a time, though one scrolls on meanwhile", async () => {
  const { fetch, asked } = server(1000);
  const pages = new Pages(fetch, () => {}, { page: 50 });
  const first = pages.want(10);
  void pages.want(60);
  void pages.want(120);
  await first;
  assert.deepEqual([asked.length, pages.rows.length], [2, 120]);
});

test("rows of a dropped question never come", async () => {
  /** @type {((rows: string[]) => void)[]} */
  const answers = [];
  const pages = new Pages(
    () => new Promise((resolve) => answers.push((rows) => resolve({ rows, next: null, total: rows.length }))),
    () => {},
  );
  void pages.want(1);
  pages.restart();
  answers[1](["new"]);
  answers[0](["old", "old"]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(pages.rows, ["new"]);
});

test("the rows stay while a new list is on its way, so that nothing jumps", async () => {
  const { fetch } = server(80);
  const pages = new Pages(fetch, () => {}, { page: 50 });
  await pages.want(80);
  pages.restart(80);
  assert.equal(pages.rows.length, 80);
  await pages.want(80);
  assert.equal(pages.rows.length, 80);
});

test("a page that cannot be had is told, and asked for again when it is wanted again", async () => {
  let broken = true;
  const { fetch } = server(10);
  let told = 0;
  const pages = new Pages(
    async (after, limit) => {
      if (broken) throw new Error("no network");
      return fetch(after, limit);
    },
    () => (told += 1),
  );
  await pages.want(5);
  assert.match(String(pages.error), /no network/);
  assert.deepEqual([pages.loading, told], [false, 1]);
  broken = false;
  await pages.want(5);
  assert.deepEqual([pages.error, pages.rows.length], [null, 10]);
});

test("an empty list is complete", async () => {
  const pages = new Pages(server(0).fetch, () => {});
  await pages.want(20);
  assert.deepEqual([pages.total, pages.complete, pages.known], [0, true, true]);
});
