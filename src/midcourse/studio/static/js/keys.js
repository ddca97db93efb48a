// @ts-check
/**
 * From key presses to actions.
 *
 * One listener for the page asks, from the element bound last to the first, whether it has a handler for an action of the
 * pressed key. Hidden elements don't answer, nor those outside of an open dialog. A handler that returns false has not
 * taken the key. Elements that treat keys in their own fields ask `is(event, action)`, so that changed keys count there.
 */

import { ACTIONS } from "./actions.js";
import { store } from "./store.js";

/** @import {Action} from "./actions.js" */
/** @typedef {Record<string, (event: KeyboardEvent) => boolean | void>} Handlers by action */

/** @type {{element: HTMLElement, handlers: Handlers}[]} */
const bound = [];

/**
 * @param {HTMLElement} element
 * @param {Handlers} handlers
 * @param {AbortSignal} signal
 */
export function bind(element, handlers, signal) {
  const one = { element, handlers };
  bound.push(one);
  signal.addEventListener("abort", () => bound.splice(bound.indexOf(one), 1), { once: true });
}

/**
 * The name of what was pressed: `Ctrl+Shift+z`, `N`, `Alt+1`; "" for a modifier alone.
 * @param {Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">} event
 */
export function chord(event) {
  const { key, code, altKey, shiftKey } = event;
  if (["Control", "Shift", "Alt", "Meta", "Dead", "Process", "Unidentified"].includes(key)) return "";
  const control = event.ctrlKey || event.metaKey;
  let name = key === " " ? "Space" : key;
  // Alt makes other characters of keys on some systems: there the key's place counts.
  const placed = /^(?:Digit|Key)(.)$/.exec(code);
  if (altKey && placed) name = placed[1].toLowerCase();
  const single = name.length === 1;
  if (single && control) name = name.toLowerCase();
  const shifted = shiftKey && (!single || control || altKey);
  return `${control ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shifted ? "Shift+" : ""}${name}`;
}

/**
 * The keys of an action, as they are for this person.
 * @param {Action} action
 * @param {Record<string, string>} changed
 */
export function keysOf(action, changed = store.state.preferences.keys) {
  return (changed[action.id] ?? action.keys).split(" ").filter(Boolean);
}

/** Whether a key press means an action. @param {KeyboardEvent} event @param {string} id */
export function is(event, id) {
  const action = ACTIONS.find((one) => one.id === id);
  return action !== undefined && keysOf(action).includes(chord(event));
}

/** The first key of an action, for labels and tooltips; "" if it has none. @param {string} id */
export function keyFor(id) {
  const action = ACTIONS.find((one) => one.id === id);
  return action ? label(keysOf(action)[0] ?? "") : "";
}

const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** A key as it is shown. @param {string} key */
export function label(key) {
  const plus = key.endsWith("+") ? "+" : "";
  const parts = (plus ? key.slice(0, -1) : key).split("+").filter(Boolean);
  const shown = [...parts, plus].filter(Boolean).map((part) => {
    if (part === "Ctrl" && MAC) return "⌘";
    if (part === "Alt" && MAC) return "⌥";
    return SIGNS[/** @type {keyof typeof SIGNS} */ (part)] ?? (part.length === 1 && parts.length > 1 ? part.toUpperCase() : part);
  });
  return shown.join(MAC ? "" : "+");
}

/** @param {EventTarget | null} target */
export function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range", "file"].includes(target.type);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const name = chord(event);
  if (!name) return;
  // Enter and Space belong to the button or link that has the focus.
  const control = event.target instanceof Element && event.target.closest("button, a[href], summary, [role=menuitem], [role=option]");
  if (control && ["Enter", "Space"].includes(name)) return;
  const inField = typing(event.target);
  const meant = ACTIONS.filter((action) => (!inField || action.typing) && keysOf(action).includes(name));
  if (!meant.length) return;
  const dialog = document.querySelector("dialog:modal");
  for (const { element, handlers } of [...bound].reverse()) {
    if (element.closest("[hidden], [inert]") || (dialog && !dialog.contains(element))) continue;
    for (const { id } of meant) {
      if (!(id in handlers) || handlers[id](event) === false) continue;
      event.preventDefault();
      return;
    }
  }
}

/** Listens from now on. */
export function start() {
  document.addEventListener("keydown", pressed);
}
