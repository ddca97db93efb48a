// @ts-check
/**
 * A field that flows with the text around it: an editable span that holds plain text, exactly.
 *
 * Browsers put line breaks and fillers of their own into editable elements. So everything that is not typed within a line goes
 * through `insert`, and `text` counts text nodes alone.
 */

import { h } from "../dom.js";

/** @param {Record<string, any>} given attributes */
export function field(given) {
  const element = h("span", { contenteditable: "plaintext-only", role: "textbox", "aria-multiline": "true", spellcheck: "true", ...given });
  element.addEventListener("beforeinput", (event) => {
    if (element.getAttribute("aria-readonly") === "true") return event.preventDefault();
    const { inputType } = event;
    const text =
      inputType === "insertFromPaste" || inputType === "insertFromDrop" || inputType === "insertReplacementText"
        ? (event.dataTransfer?.getData("text/plain") ?? event.data)
        : ["insertLineBreak", "insertParagraph"].includes(inputType)
          ? "\n"
          : null;
    if (text === null || event.isComposing) return;
    event.preventDefault();
    const [target] = event.getTargetRanges();
    insert(element, text.replaceAll(/\r\n?/g, "\n"), target);
  });
  return element;
}

/** @param {Element} element */
export function textOf(element) {
  let text = "";
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) text += walker.currentNode.nodeValue;
  return text.replaceAll("\u00a0", " ");
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (textOf(element) !== text) element.replaceChildren(...(text ? [text] : []), ...filler(text));
}

/** A line break at the very end is seen only if something follows. @param {string} text */
const filler = (text) => (text.endsWith("\n") ? [document.createElement("br")] : []);

/**
 * Puts text where the cursor is, in the place of what is selected.
 * @param {Element} element
 * @param {string} text
 * @param {StaticRange} [target]
 */
export function insert(element, text, target) {
  const selection = getSelection();
  if (!selection?.rangeCount) return;
  const range = document.createRange();
  const from = target ?? selection.getRangeAt(0);
  range.setStart(from.startContainer, from.startOffset);
  range.setEnd(from.endContainer, from.endOffset);
  if (!element.contains(range.commonAncestorContainer)) return;
  const before = range.cloneRange();
  before.selectNodeContents(element);
  before.setEnd(range.startContainer, range.startOffset);
  const start = before.toString().length;
  const whole = textOf(element);
  const until = start + range.toString().length;
  const after = whole.slice(0, start) + text + whole.slice(until);
  element.replaceChildren(after, ...filler(after));
  cursor(element, start + text.length);
  element.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
}

/** @param {Element} element @param {number} [at] by default the end */
export function cursor(element, at = textOf(element).length) {
  const node = element.firstChild;
  const selection = getSelection();
  if (node instanceof Text) selection?.collapse(node, Math.min(at, node.length));
  else selection?.collapse(element, 0);
}

/** Whether the cursor stands before all text, with nothing selected. @param {Element} element */
export function atStart(element) {
  const selection = getSelection();
  if (!selection?.isCollapsed || !selection.anchorNode || !element.contains(selection.anchorNode)) return false;
  const range = document.createRange();
  range.selectNodeContents(element);
  range.setEnd(selection.anchorNode, selection.anchorOffset);
  return range.toString() === "";
}
