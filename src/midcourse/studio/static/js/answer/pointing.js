// @ts-check
/**
 * The pointer in the answer: resting on a token, pressing it, drawing the end of what is rejected.
 *
 * A press that ends where it began is meant for the token. Text that is selected by drawing over it stays selected, to be
 * copied; with Enter it is what the correction rejects. With Shift a press draws the end of what is rejected to it.
 */

/** @import {Flow} from "./flow.js" */
/**
 * @typedef {object} Pointed
 * @property {(depth: number | null) => void} hover
 * @property {(depth: number, stop: number | null) => void} press
 * @property {(depth: number) => void} draw
 */

const REST = 90; // milliseconds until a token says what it is

/**
 * @param {HTMLElement} root
 * @param {Flow} flow
 * @param {HTMLElement} handle that is drawn
 * @param {Pointed} to
 * @param {AbortSignal} signal
 */
export function pointing(root, flow, handle, to, signal) {
  let timer = 0;
  let [x, y] = [NaN, NaN];
  const moves = (/** @type {PointerEvent} */ event) => ([x, y] = [event.screenX, event.screenY]);
  document.addEventListener("pointermove", moves, { signal, passive: true });
  root.addEventListener(
    "pointerover",
    (event) => {
      // Text that moves below a pointer at rest is not pointed at.
      if (event.screenX === x && event.screenY === y) return;
      moves(event);
      clearTimeout(timer);
      if (event.pointerType === "touch" || event.buttons) return;
      const depth = flow.depthOf(event.target);
      timer = setTimeout(() => to.hover(depth), depth === null ? 250 : REST);
    },
    { signal },
  );
  root.addEventListener("pointerleave", () => {
    clearTimeout(timer);
    timer = setTimeout(() => to.hover(null), 250);
  }, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

  root.addEventListener(
    "click",
    (event) => {
      const chosen = getSelection();
      const under = flow.depthOf(event.target);
      if (event.shiftKey && under !== null) {
        chosen?.removeAllRanges();
        return to.draw(under + 1);
      }
      if (event.button !== 0 || (chosen && !chosen.isCollapsed && root.contains(chosen.anchorNode))) return;
      const depth = under ?? (isPast(event, root, flow) ? flow.tokens.length : null);
      if (depth === null) return;
      clearTimeout(timer);
      to.press(depth, null);
    },
    { signal },
  );

  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    draws(root, flow, event.pointerId, to, signal);
  }, { signal });
}

/** Whether a press into the blank is meant for the end: it is right of it, or below. @param {MouseEvent} event @param {HTMLElement} root @param {Flow} flow */
function isPast({ target, clientX, clientY }, root, flow) {
  if (target !== root && !(target instanceof Element && target.matches(".p"))) return false;
  const end = flow.here.getBoundingClientRect();
  return clientY > end.bottom || (clientY > end.top && clientX > end.left);
}

/**
 * Until the pointer is let go. The whole document listens: the handle moves in it meanwhile and would lose the pointer.
 * @param {HTMLElement} root
 * @param {Flow} flow
 * @param {number} pointer
 * @param {Pointed} to
 * @param {AbortSignal} signal
 */
function draws(root, flow, pointer, to, signal) {
  const drawing = new AbortController();
  const until = { signal: AbortSignal.any([signal, drawing.signal]) };
  root.classList.add("drawing");
  drawing.signal.addEventListener("abort", () => root.classList.remove("drawing"));
  const moved = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointer) return;
    const under = document.elementsFromPoint(event.clientX, event.clientY).find((one) => flow.depthOf(one) !== null);
    const depth = flow.depthOf(under ?? null);
    if (depth === null) return;
    const box = flow.box(depth);
    to.draw(event.clientX > (box.left + box.right) / 2 ? depth + 1 : depth);
  };
  const ended = (/** @type {PointerEvent} */ event) => event.pointerId === pointer && drawing.abort();
  document.addEventListener("pointermove", moved, until);
  document.addEventListener("pointerup", ended, until);
  document.addEventListener("pointercancel", ended, until);
}

/** The tokens that are selected as text: from the first to after the last; null if there are none. @param {Flow} flow */
export function selectedText(flow) {
  const selection = getSelection();
  if (!selection?.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const [from, to] = [flow.depthOf(range.startContainer), flow.depthOf(range.endContainer)];
  if (from === null || to === null) return null;
  return { from, to: range.endOffset > 0 ? to + 1 : to };
}
