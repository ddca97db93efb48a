/** What the page says of a job. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { outcomes, progress, title, under_way, watched } from "../../../src/midcourse/studio/static/js/jobs.js";

const point = (own) => ({ phase: "train", step: 60, steps: 240, epoch: 2, epochs: 4, loss: 0.5, margin: null, accuracy: 0.75, tokens_per_second: 2100.4, seconds_left: 95, ...own });
const job = (own) => ({ kind: "train", name: "tone", state: "running", progress: point(), ...own });

test("how far a training is", () => {
  assert.deepEqual(progress(job()), { share: 0.25, words: ["epoch 2 of 4", "step 60 of 240", "2,100 tokens/s", "1 min 35 s left"] });
  assert.deepEqual(progress(job({ state: "stopped" })).words, ["epoch 2 of 4", "step 60 of 240"]);
});

test("other phases, measuring, and what has not begun", () => {
  const quiet = { tokens_per_second: null, seconds_left: null };
  assert.deepEqual(progress(job({ progress: point({ phase: "reference", step: 1, steps: 3, ...quiet }) })).words, ["reference: 1 of 3"]);
  assert.deepEqual(progress(job({ kind: "measure", progress: point({ phase: "replay", steps: 0, ...quiet }) })), { share: null, words: ["replay"] });
  assert.deepEqual(progress(job({ progress: point({ phase: "note", ...quiet }) })), { share: 0.25, words: ["step 60 of 240"] });
  assert.deepEqual(progress(job({ state: "waiting", progress: null })), { share: null, words: ["waits for its turn"] });
  assert.deepEqual(progress(job({ progress: null })), { share: null, words: ["starting"] });
  assert.deepEqual(progress(job({ state: "failed", progress: null })), { share: null, words: ["failed"] });
});

test("what is watched, where it is known", () => {
  assert.deepEqual(watched(point()), ["loss 0.5", "accuracy 75 %"]);
  assert.deepEqual(watched(null), []);
});

test("titles and states", () => {
  assert.equal(title(job({ kind: "measure" })), "Measuring “tone”");
  assert.deepEqual(["waiting", "running", "stopping", "stopped", "done", "failed"].map((state) => under_way(job({ state }))), [true, true, true, false, false, false]);
});

test("what became of it, as far as it is there", () => {
  const metrics = { steers: 412, steps: 240, epochs: [{ loss: 2 }, { loss: 0.31, accuracy: 0.97 }], peak_memory_bytes: 1.6e9, odd: 1, dtype: "bfloat16" };
  assert.deepEqual(outcomes(metrics), [
    ["Steers", "412"],
    ["Steps", "240"],
    ["Loss at the end", "0.31"],
    ["Accuracy at the end", "97 %"],
    ["Peak memory", "1.6 GB"],
    ["Computed in", "bfloat16"],
  ]);
  const evaluations = [{ loss: 2, margin: null, accuracy: 0.5 }, { loss: 1, margin: 1, accuracy: 0.75 }];
  assert.deepEqual(outcomes({ held_out: { evaluations } }), [["Held out: loss", "2 → 1"], ["Held out: accuracy", "50 % → 75 %"]]);
  assert.deepEqual([outcomes(null), outcomes({})], [[], []]);
});
