// @ts-check
/** Tags as they are typed: words with commas between. DOM-free. */

/** @param {string} text @returns {string[]} each once, in the order typed */
export function tagList(text) {
  return [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];
}
