// @ts-check
/**
 * The tokens of an answer in the document.
 *
 * Representation: a block for each paragraph, a `span.t` for each token in it, its text as text nodes. Among the tokens stand
 * guests (the correction line, the ways on at a fork, …), each right before the token of its depth.
 *
 * Invariant: what did not change is not touched. A token more costs one node; a change from depth k on leaves the nodes before
 * k, and guests up to k with their focus, where they are.
 */

import { h } from "../dom.js";
import { beginsParagraph, kept } from "./difference.js";
import { level } from "./shading.js";

/** @import * as T from "../types.d.ts" */

export class Flow {
  /** @type {HTMLElement[]} parallel to the tokens */
  nodes = [];
  /** @type {T.TokenView[]} */
  tokens = [];
  /** Where the answer ends: stays behind the last token. */
  here = h("span", { class: "here" });
  /** @type {HTMLElement} the last one */
  #paragraph;
  #unlikely = 0.2;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.#paragraph = h("div", { class: "p" }, this.here);
    root.append(this.#paragraph);
  }

  /** Shows these tokens. @param {T.TokenView[]} tokens @returns {number} how many of those shown before could stay */
  show(tokens) {
    const keep = kept(this.tokens, tokens);
    this.#cut(keep);
    this.tokens = tokens;
    if (tokens.length - keep > 50) this.#appendMany(keep);
    else for (let depth = keep; depth < tokens.length; depth++) this.#append(depth);
    return keep;
  }

  /** @param {number} unlikely below which probability a token counts as unlikely */
  shade(unlikely) {
    if (unlikely === this.#unlikely) return;
    this.#unlikely = unlikely;
    for (const [depth, node] of this.nodes.entries()) node.dataset.level = String(level(this.tokens[depth].logprob, unlikely));
  }

  /** Puts a guest before the token at `depth`, or at the end; where it is there already, nothing happens. @param {HTMLElement} guest @param {number} depth */
  place(guest, depth) {
    const next = this.nodes[depth] ?? this.here;
    let after = guest.nextElementSibling;
    while (after && !after.matches(".t, .here")) after = after.nextElementSibling;
    if (guest.isConnected && after === next) return;
    next.before(guest);
  }

  /** @param {number} depth of a token, or the end */
  box(depth) {
    const boxes = (this.nodes[depth] ?? this.here).getClientRects();
    // A token that is broken over two lines begins with the blank that ends the first.
    let best = boxes[0];
    for (const box of boxes) if (box.width > best.width) best = box;
    return best ?? (this.nodes[depth] ?? this.here).getBoundingClientRect();
  }

  /** The depth of the token that a node of the document lies in; null outside of all. @param {EventTarget | Node | null} node */
  depthOf(node) {
    const element = node instanceof Element ? node : node instanceof Node ? node.parentElement : null;
    const token = element?.closest(".t, .here");
    if (!token || !this.root.contains(token)) return null;
    return token === this.here ? this.tokens.length : Number(/** @type {HTMLElement} */ (token).dataset.depth);
  }

  /** @param {number} keep */
  #cut(keep) {
    if (keep === this.nodes.length) return;
    for (const node of this.nodes.splice(keep)) node.remove();
    const last = this.nodes[keep - 1]?.parentElement ?? /** @type {HTMLElement} */ (this.root.firstElementChild);
    // A guest in a paragraph that goes moves to where the answer ends now.
    while (last.nextElementSibling) {
      last.append(...last.nextElementSibling.childNodes);
      last.nextElementSibling.remove();
    }
    last.append(this.here);
    this.#paragraph = last;
  }

  /** @param {number} from */
  #appendMany(from) {
    // Out of the document, so that nothing is laid out in between.
    const paragraph = this.#paragraph;
    const mark = document.createComment("");
    paragraph.replaceWith(mark);
    const rest = document.createDocumentFragment();
    rest.append(paragraph);
    for (let depth = from; depth < this.tokens.length; depth++) this.#append(depth, rest);
    mark.replaceWith(rest);
  }

  /** @param {number} depth @param {ParentNode} [root] */
  #append(depth, root = this.root) {
    if (beginsParagraph(this.tokens, depth) && this.#paragraph.querySelector(":scope > .t")) {
      this.#paragraph = h("div", { class: "p" }, this.here);
      root.append(this.#paragraph);
    }
    const node = this.#build(depth);
    this.nodes.push(node);
    this.here.before(node);
  }

  /** @param {number} depth */
  #build(depth) {
    const token = this.tokens[depth];
    const node = document.createElement("span");
    const begins = token.source !== "model" && this.tokens[depth - 1]?.source !== token.source;
    const look = token.ends ? " ends" : token.text === "" ? " piece" : /^ \S/.test(token.text) ? " word" : "";
    node.className = `t ${token.source}${begins ? " begins" : ""}${look}`;
    node.dataset.depth = String(depth);
    node.dataset.level = String(level(token.logprob, this.#unlikely));
    const lines = token.ends ? [] : token.text.split("\n");
    for (const [number, line] of lines.entries()) {
      if (number) node.append(h("span", { class: "break" }), "\n");
      if (line) node.append(line);
    }
    return node;
  }
}
