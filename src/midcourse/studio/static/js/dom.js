// @ts-check
/**
 * Building nodes. Text is always a text node; nothing is ever parsed as HTML.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. In `given`, `onclick` and its like are listeners, booleans are present or absent, null and undefined are
 * left out, `class` may be a list with falsy members, `dataset` an object; everything else is an attribute.
 * @template {string} K
 * @param {K} tag
 * @param {Record<string, any>} [given]
 * @param {...(Child | Child[])} children
 * @returns {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K] : HTMLElement}
 */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "class" && Array.isArray(value)) element.className = value.filter(Boolean).join(" ");
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return /** @type {any} */ (element);
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
export function nodes(children) {
  return /** @type {Child[]} */ (children.flat())
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A 16 px line drawing beside a label; it says nothing by itself.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" })) svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const ICONS = {
  plus: "M8 3v10M3 8h10",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.3 10.3 13.5 13.5",
  close: "m4 4 8 8M12 4l-8 8",
  list: "M2.5 4h11M2.5 8h11M2.5 12h7",
  check: "m3 8.5 3.2 3.2L13 4.8",
  down: "m4 6 4 4 4-4",
  left: "M10 3.5 5.5 8l4.5 4.5",
  right: "M6 3.5 10.5 8 6 12.5",
  undo: "M5.5 3 2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H7",
  redo: "m10.5 3 3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H9",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.500v3h-3",
  stop: "M4.5 4.500h7v7h-7z",
  play: "M5 3.500v9l7-4.500z",
  tag: "M2.5 2.500h5l6 6-5 5-6-6zM5.300 5.300h.01",
  gear: "M2.5 5h6M12 5h1.500M2.5 11H4M7.5 11h6M8.5 5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0ZM4 11a1.7 1.7 0 1 0 3.4 0A1.7 1.7 0 1 0 4 11Z",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1.500v1M8 13.500v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.900 11.900l.7.7M3.4 12.600l.7-.7M11.900 4.100l.7-.7",
  alert: "M8 2.2 14.2 13H1.8zM8 6.5v3M8 11.3h.01",
  filter: "M2.5 4.5h11M4.5 8h7M6.5 11.5h3",
  trash: "M3 4.500h10M6.5 4V2.500h3V4M4.5 4.500l.5 9h6l.5-9",
  download: "M8 2.500v8M4.5 7.5 8 11l3.5-3.500M3 13.500h10",
  upload: "M8 11V3M4.5 6 8 2.5 11.5 6M3 13.500h10",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
};
