/** A clock that is moved by hand; Node 18 and later versions disagree on how to ask theirs for one. */
export function clock(t) {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  t.after(() => Object.assign(globalThis, real));
  let now = 0;
  let last = 0;
  const waiting = new Map();
  globalThis.setTimeout = (run, after) => waiting.set(++last, { run, at: now + after }) && last;
  globalThis.clearTimeout = (id) => void waiting.delete(id);
  return (time) => {
    now += time;
    for (const [id, { run, at }] of waiting) if (at <= now && waiting.delete(id)) run();
  };
}
