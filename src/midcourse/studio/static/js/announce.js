// @ts-check
/**
 * Telling a screen reader what happened. The regions are in index.html, empty: only what changes in them is read.
 */

/**
 * @param {string} text
 * @param {"polite" | "assertive"} [how] assertive interrupts: for errors alone
 */
export function announce(text, how = "polite") {
  const region = document.getElementById(`announce-${how}`);
  if (!region) return;
  // The same words again are no change, unless something invisible differs.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
