// @ts-check
/**
 * Typed text that the server does not have yet, kept in the browser: a reload, a crash or a lost server loses nothing.
 *
 * A key names what is typed where (`correction:TRACE`, `composer`). Only text of the person, never of the model. A browser that
 * keeps nothing (a private window) is as good as one without drafts.
 */

const PREFIX = "midcourse.draft.";

/** @param {string} key @returns {string} "" if there is none */
export function draft(key) {
  try {
    return localStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

/** Keeps a draft; "" lets it go. @param {string} key @param {string} text */
export function keepDraft(key, text) {
  try {
    if (text) localStorage.setItem(PREFIX + key, text);
    else localStorage.removeItem(PREFIX + key);
  } catch {
    return; // full or forbidden: the text is still in its field
  }
}
