// @ts-check
/** Asks before what cannot be undone: `if (await confirmed({title, text, verb})) …`. Rare, for almost everything can. */

import { h } from "../dom.js";

/**
 * @param {{title: string, text: string, verb: string, danger?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, verb, danger = false }) {
  /** @param {string} label @param {string} answer @param {string} kind */
  const button = (label, answer, kind) => h("button", { type: "button", class: ["button", kind], onclick: () => dialog.close(answer) }, label);
  const dialog = h(
    "dialog",
    { class: "sheet narrow", "aria-labelledby": "confirm-title" },
    h("div", { class: "body" }, h("h2", { id: "confirm-title" }, title), h("p", {}, text)),
    h("footer", {}, button("Cancel", "no", ""), button(verb, "yes", danger ? "danger" : "primary")),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
