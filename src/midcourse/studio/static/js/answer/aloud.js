// @ts-check
/** Reading aloud what the model writes, in whole sentences, and what it is doing, for whoever uses a screen reader. */

import { announce } from "../announce.js";
import { store } from "../store.js";
import { doing, resumed, sentences } from "./status.js";

const APART = 1500; // milliseconds between two announcements, so that one can be heard

/** @param {AbortSignal} signal */
export function reading(signal) {
  let read = 0; // tokens
  let text = "";
  let said = "";
  let state = "";
  let timer = 0;
  let last = -Infinity;

  const tell = () => {
    timer = 0;
    const { trace } = store.state;
    if (!trace || signal.aborted) return;
    const idle = trace.run.state === "idle";
    const { say, rest } = sentences(text, idle);
    text = rest;
    const now = idle ? doing(trace.run) : "";
    const what = [say, now === said ? "" : now, idle && now !== said ? resumed(trace.run) : ""].filter(Boolean).join(" ");
    said = now;
    if (!what) return;
    last = performance.now();
    announce(what);
  };

  store.watch(
    ({ trace }) => trace,
    (trace, before) => {
      if (!trace) return;
      const fresh = before?.id !== trace.id || trace.tokens.length < read || (before.version !== trace.version && trace.run.state === "idle");
      if (fresh) {
        // What is there already is read by going through it.
        [read, text, said] = [trace.tokens.length, "", doing(trace.run)];
      }
      for (; read < trace.tokens.length; read++) text += trace.tokens[read].text;
      const changed = state !== trace.run.state;
      state = trace.run.state;
      if ((changed || text) && !timer) timer = window.setTimeout(tell, Math.max(0, last + APART - performance.now()));
    },
    signal,
  );
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}
