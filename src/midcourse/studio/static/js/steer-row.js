// @ts-check
/**
 * A row of the table of steers as nodes. It is filled again when its steer has changed; while the steer is not there yet,
 * its cells are empty.
 */

import { named } from "./asked.js";
import { h, icon } from "./dom.js";
import { KINDS, correction, flat, sentence, tail } from "./steers.js";
import { number, when } from "./words.js";

/** @import * as T from "./types.d.ts" */

/** @type {{name: string, title: string}[]} the columns, in their order; all are in every row, as cells of that class */
export const COLUMNS = [
  { name: "pick", title: "Chosen for a change of several" },
  { name: "context", title: "Context" },
  { name: "rejected", title: "Rejected" },
  { name: "chosen", title: "Chosen" },
  { name: "reason", title: "Reason" },
  { name: "tags", title: "Tags" },
  { name: "serves", title: "Serves" },
  { name: "weight", title: "Weight" },
  { name: "about", title: "Kind, author" },
  { name: "acts", title: "Open, set aside" },
];

/** @param {number} index */
export function empty(index) {
  const row = h("div", { class: "row", role: "row", tabindex: "-1", "aria-rowindex": index + 2 });
  for (const { name } of COLUMNS) row.append(h("div", { class: `cell ${name}`, role: "gridcell", tabindex: "-1" }));
  row.classList.add("waiting");
  row.ariaLabel = "Loading";
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {T.SteerRowView} steer
 * @param {boolean} picked
 */
export function fill(row, steer, picked) {
  row.classList.remove("waiting");
  row.classList.toggle("aside", steer.aside);
  row.ariaLabel = sentence(steer);
  mark(row, picked);
  const cells = [...row.children];
  COLUMNS.forEach(({ name }, place) => cells[place].replaceChildren(...content(name, steer, picked)));
}

/**
 * Whether the row is among those that are changed together.
 * @param {HTMLElement} row
 * @param {boolean} picked
 */
export function mark(row, picked) {
  row.ariaSelected = String(picked);
  const box = row.querySelector("input[type=checkbox]");
  if (box instanceof HTMLInputElement) box.checked = picked;
}

/**
 * @param {string} column
 * @param {T.SteerRowView} steer
 * @param {boolean} picked
 * @returns {(Node | string)[]}
 */
function content(column, steer, picked) {
  switch (column) {
    case "pick":
      return [h("input", { type: "checkbox", tabindex: "-1", "aria-label": "Change together with others", checked: picked })];
    case "context":
      return [h("span", { class: "title" }, steer.title), h("span", { class: "tail" }, steer.context === null ? "" : flat(tail(steer.context)))];
    case "rejected":
      return rejected(steer);
    case "chosen":
      return chosen(steer);
    case "reason":
      return [steer.reason ? h("span", { class: "reason-text" }, steer.reason) : inviting("reason")];
    case "tags":
      return steer.tags.length ? steer.tags.map((tag) => h("span", { class: "chip" }, tag)) : [inviting("tags")];
    case "serves":
      return steer.serves.length ? steer.serves.map((name) => h("span", { class: "chip on" }, named(name))) : [inviting("attributes")];
    case "weight":
      return [h("span", { class: steer.weight === 1 ? "muted" : "strong" }, `× ${number(steer.weight)}`)];
    case "about":
      return about(steer);
    default:
      return acts(steer);
  }
}

/** @param {T.SteerRowView} steer */
function rejected({ rejected: runs }) {
  if (runs === null) return [h("span", { class: "muted" }, "text not known")];
  if (!runs.length) return [h("span", { class: "muted" }, "nothing")];
  const more = runs.length > 1 ? [h("span", { class: "chip", title: runs.slice(1).join("\n") }, `+ ${runs.length - 1}`)] : [];
  return [h("del", {}, flat(runs[0])), ...more];
}

/** @param {T.SteerRowView} steer */
function chosen(steer) {
  const { text, real } = correction(steer);
  const ends = real && steer.ends ? [h("span", { class: "chip" }, "end")] : [];
  return [real ? h("ins", {}, flat(text)) : h("span", { class: "muted" }, text), ...ends];
}

/** @param {T.SteerRowView} steer */
function about(steer) {
  const said = [steer.author, when(steer.created)].filter(Boolean).join(" · ");
  return [
    h("span", {}, KINDS[steer.kind]),
    h("span", { class: "muted" }, said),
    ...(steer.aside ? [h("span", { class: "chip error" }, "set aside")] : []),
    ...(steer.abandoned ? [h("span", { class: "chip", title: "On a branch that the answer does not take; it still trains." }, "abandoned")] : []),
  ];
}

/** @param {T.SteerRowView} steer */
function acts(steer) {
  return [
    act("open", "right", "Open in its conversation"),
    steer.aside ? act("aside", "undo", "Take back in") : act("aside", "close", "Set aside"),
  ];
}

/** @param {string} name @param {Parameters<typeof icon>[0]} sign @param {string} label */
function act(name, sign, label) {
  return h("button", { type: "button", class: "button plain only-icon", tabindex: "-1", "aria-label": label, title: label, dataset: { act: name } }, icon(sign));
}

/** @param {string} what */
function inviting(what) {
  return h("span", { class: "inviting" }, `Add ${what}`);
}
