// @ts-check
/**
 * Where a person is in the answer and what they are about to do: the part of the steering view that is nobody else's.
 *
 * Representation: `at`, the place that is pointed at (a depth, or null: the end, wherever that is by now); `stop`, up to
 * which the tokens from `at` on are selected (null: none, or all that follow); `draft`, the open correction, or null. The
 * trace itself is the store's. Tells of every change by the event `change`.
 *
 * Invariant: a draft with text goes only when the server has acknowledged it or the person closes it.
 */

import * as api from "../api.js";
import { draft as stored, keepDraft } from "../drafts.js";
import { command, loadAlternatives, notify } from "../effects.js";
import { store } from "../store.js";
import { Ahead } from "./ahead.js";
import * as drafts from "./draft.js";
import { kept } from "./difference.js";
import { next, places } from "./looking.js";
import { narrowed, stepped } from "./walk.js";
import { sibling } from "./outline.js";

/** @import * as T from "../types.d.ts" */
/** @import {Trace} from "../trace.js" */
/** @import {Draft} from "./draft.js" */

const ACTIONS = { correct: "Keep as steer", pick: "Keep as steer", end: "Should have ended here", mark: "Mark only", write: "Only go on" };

export class Steering extends EventTarget {
  /** @type {number | null} */
  at = null;
  /** @type {number | null} */
  stop = null;
  /** @type {Draft | null} */
  draft = null;
  /** The trace as it was shown last. @type {Trace | null} */
  #seen = null;
  /** The places that `n` has been to, in this order; those that are there no more are not among them. @type {number[]} */
  #looked = [];
  /** The version that the draft was sent for, and where one stands once it is kept; null: one stands there. @type {{version: number, at: number | null} | null} */
  #sent = null;
  /** A stop that is on its way: what is asked for after it must not come before it. @type {Promise<unknown>} */
  #halting = Promise.resolve();
  #ahead = new Ahead(api.draft);

  /** @returns {Trace} */
  get trace() {
    const { trace } = store.state;
    if (!trace) throw new Error("no trace is looked at");
    return trace;
  }

  get count() {
    return this.trace.tokens.length;
  }

  /** Where one is, as a depth. */
  get place() {
    return Math.min(this.at ?? Infinity, this.count);
  }

  get writing() {
    return this.trace.run.state !== "idle";
  }

  /** Whether the correction line is to be seen: not any more once what it sent has come back as an answer. */
  get open() {
    return this.draft !== null && !(this.draft.sending && this.trace.version !== this.#sent?.version);
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  /** The store has another state of the trace. @param {Trace} trace */
  follow(trace) {
    const before = this.#seen;
    this.#seen = trace;
    if (before?.id !== trace.id) return this.#begin(trace);
    if (before.version === trace.version && before.tokens.length <= trace.tokens.length) return;
    const count = kept(before.tokens, trace.tokens);
    this.#looked = this.#looked.filter((depth) => depth < count);
    if (this.draft?.sending && trace.version !== before.version) this.#arrive();
    if (this.at !== null && this.at > trace.tokens.length) this.at = null;
    if (this.draft && !this.draft.sending && drafts.arrived(this.draft, trace)) this.#put(null);
    if (!this.draft) this.stop = null;
    else if (!this.draft.sending) {
      this.#put(drafts.followed(this.draft, trace));
      void loadAlternatives(this.draft.depth);
    }
    this.#tell();
  }

  /** @param {Trace} trace */
  #begin(trace) {
    this.at = this.stop = this.draft = null;
    this.#looked = [];
    const text = stored(`correction:${trace.id}`);
    const kept = text ? drafts.parsed(text) : null;
    if (kept && drafts.arrived(kept, trace)) this.#put(null);
    else if (kept && !trace.readonly) this.#put(drafts.followed(kept, trace));
    this.#tell();
  }

  /** What was sent is kept: the answer's new state and the reply to the command both say so, and the first one counts. */
  #arrive() {
    if (this.#sent) [this.at, this.stop, this.#sent] = [this.#sent.at, null, null];
  }

  /** @param {Draft | null} draft */
  #put(draft) {
    const { id } = this.trace;
    this.draft = draft;
    if (draft) [this.at, this.stop] = [draft.depth, draft.stop];
    if (draft?.sending) this.#ahead.sent();
    else if (draft?.text) this.#ahead.put({ trace: id, body: drafts.told(draft, this.trace.version) });
    else this.#ahead.close();
    keepDraft(`correction:${id}`, draft?.text ? drafts.written(draft) : "");
  }

  // Where one is

  /** @param {number | null} at */
  put(at) {
    this.at = at === null || at >= this.count ? null : Math.max(0, at);
    this.stop = null;
    this.#tell();
  }

  /** @param {number} by */
  step(by) {
    this.put(stepped(this.place, by, this.count));
  }

  /** Narrows what the draft rejects; without a draft, selects. @param {number} by */
  narrow(by) {
    if (this.draft) return this.narrowTo(narrowed(this.draft.depth, this.stop, by, this.count));
    if (this.stop !== null || by > 0) this.narrowTo((this.stop ?? this.place) + by);
  }

  /** @param {number | null} stop null: all that follows */
  narrowTo(stop) {
    if (this.draft?.sending) return;
    const from = this.draft?.depth ?? this.place;
    const to = stop === null ? this.count : Math.min(stop, this.count);
    if (this.draft) this.#put({ ...this.draft, stop: to >= this.count ? null : Math.max(from + 1, to) });
    else this.stop = to <= from ? null : to;
    this.#tell();
  }

  /** To the next place to look at, or back to the one before. @param {1 | -1} direction @returns {boolean} whether there was one */
  look(direction) {
    const { proposals, tokens } = this.trace;
    const proposed = proposals?.proposals.map(({ depth }) => depth);
    const to = next(places(tokens, store.state.preferences.unlikely, proposed), this.#looked, this.at, direction);
    if (to === null) return false;
    this.put(to);
    if (!this.#looked.includes(to)) this.#looked.push(to);
    return true;
  }

  // The correction

  /** Opens the line. The model stops first: what it would write is rejected anyway. @param {number} [at] @param {number | null} [stop] */
  begin(at = this.place, stop = this.stop) {
    const { trace } = this;
    if (trace.readonly || (this.draft?.sending && this.open)) return;
    if (this.writing) this.#halting = api.stop(trace.id).catch(() => undefined); // the steer stops it, too
    const kept = this.draft?.text && !this.draft.sending ? { text: this.draft.text, literal: this.draft.literal } : {};
    this.#put({ ...drafts.begun(trace, at, stop), ...kept });
    this.#tell();
    void loadAlternatives(at);
  }

  /** Nothing happened. */
  close() {
    if (!this.draft || this.draft.sending) return;
    this.stop = null;
    this.#put(null);
    this.#tell();
  }

  /** @param {(draft: Draft) => Draft} change */
  edit(change) {
    if (!this.draft || this.draft.sending) return;
    this.#put(change(this.draft));
    this.#tell();
  }

  /** Sends the draft. @param {T.NewSteer["action"]} action @param {number | null} [token] */
  async keep(action, token = null) {
    const { draft, trace } = this;
    if (!draft || draft.sending) return;
    if (action === "write" && drafts.exact(draft) === "") return this.#again(draft.depth);
    const missing = drafts.missing(draft, action, trace);
    if (missing) return this.edit((same) => ({ ...same, problem: missing }));
    this.#sent = { version: trace.version, at: action === "mark" ? draft.depth : null };
    const sent = drafts.sending(draft, trace);
    this.#put(sent);
    this.#tell();
    try {
      await this.#halting;
      await api.steer(trace.id, drafts.command(draft, action, trace.version, token));
      if (store.state.trace?.id !== trace.id) return keepDraft(`correction:${trace.id}`, "");
      if (this.draft !== sent) return; // its answer was there already, and another line is open
      this.#put(null);
      this.#arrive();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (store.state.trace?.id !== trace.id || this.draft !== sent) return notify("error", `“${ACTIONS[action]}” was not done. ${error.message}`);
      this.#put(drafts.refused(drafts.followed(sent, this.trace), error));
    }
    this.#tell();
  }

  /** A steer without a line: where one is, or at `at`. @param {T.NewSteer["action"]} action @param {{at?: number, token?: number}} [where] */
  async steer(action, { at = this.place, token } = {}) {
    const { trace, stop } = this;
    if (trace.readonly || (action === "mark" && at >= this.count)) return;
    const body = drafts.command(drafts.begun(trace, at, stop), action, trace.version, token ?? null);
    await this.#halting;
    const done = await command(ACTIONS[action], () => api.steer(trace.id, body));
    if (!done) return;
    if (action !== "mark") this.put(null);
    else this.put(at);
  }

  // The answer as a whole

  goOn = () => this.#do("Go on", (id, version) => api.write(id, { version }));
  undo = () => this.#do("Undo", (id, version) => api.undo(id, { version }));
  redo = () => this.#do("Redo", (id, version) => api.redo(id, { version }));
  /** @param {T.PointView} to */
  goTo = (to) => this.#do("Show this way on", (id, version) => api.goTo(id, { version, to }));

  halt() {
    const { id } = this.trace;
    this.#halting = command("Stop", () => api.stop(id));
  }

  /** Only to go on, with nothing typed: the model writes again from there, or on from the end. @param {number} depth */
  #again(depth) {
    this.close();
    return depth < this.count ? this.regenerate(depth) : this.goOn();
  }

  /** Writes again from where one is; from where the last run began, where that is the end. */
  regenerate(depth = this.at === null ? null : this.place) {
    if (this.trace.sampling.temperature === 0)
      notify("info", "At temperature 0 the model writes the same again. Raise the temperature under Settings to see others.");
    this.put(null);
    return this.#do("Write again", (id, version) => api.regenerate(id, { version, depth }));
  }

  /** @param {1 | -1} direction @param {number} [at] of the fork */
  sibling(direction, at = this.place) {
    const found = sibling(this.trace.forks, at, direction);
    if (!found) return false;
    void this.goTo(found.to);
    return true;
  }

  /** @param {string} verb @param {(id: string, version: number) => Promise<T.Done>} call */
  async #do(verb, call) {
    const { id, readonly } = this.trace;
    if (readonly) return null;
    await this.#halting;
    return command(verb, () => call(id, this.trace.version));
  }
}
