// @ts-check
/**
 * Marks on tokens that are there: where one stands, what is selected, what is struck through, where to look. Each change touches only the
 * tokens whose mark changes.
 */

import { described } from "./words.js";

/** @import {Flow} from "./flow.js" */
/** @import {Trace} from "../trace.js" */

export class Marks {
  /** @type {HTMLElement | null} */
  #stands = null;
  #struck = new Range("struck");
  #selected = new Range("selected");
  /** @type {HTMLElement[]} */
  #proposed = [];

  /** @param {Flow} flow */
  constructor(flow) {
    this.flow = flow;
  }

  /** @param {number | null} depth @param {Trace} trace */
  stand(depth, trace) {
    const node = (depth === null ? null : this.flow.nodes[depth]) ?? null;
    if (this.#stands && this.#stands !== node) {
      this.#stands.classList.remove("stands");
      for (const name of ["tabindex", "role", "aria-label", "aria-roledescription"]) this.#stands.removeAttribute(name);
    }
    if (node && depth !== null && this.#stands !== node) {
      node.classList.add("stands");
      node.tabIndex = 0;
      node.setAttribute("role", "button");
      node.setAttribute("aria-roledescription", "token");
      node.setAttribute("aria-label", described(trace.tokens[depth], depth, trace.tokens.length, trace.proposals?.proposals.find((one) => one.depth === depth)));
    }
    this.#stands = node;
  }

  /** @param {import("../types.d.ts").ProposalView[]} proposals */
  propose(proposals) {
    const wanted = proposals.map(({ depth }) => this.flow.nodes[depth]).filter(Boolean);
    for (const node of this.#proposed) if (!wanted.includes(node)) node.classList.remove("proposed");
    for (const node of wanted) node.classList.add("proposed");
    this.#proposed = wanted;
  }

  /** @param {number} from @param {number} to */
  strike(from, to) {
    this.#struck.set(this.flow.nodes, from, to);
  }

  /** @param {number} from @param {number} to */
  select(from, to) {
    this.#selected.set(this.flow.nodes, from, to);
  }
}

class Range {
  /** @type {HTMLElement[]} those that have the mark */
  #marked = [];

  /** @param {string} name of the class */
  constructor(name) {
    this.name = name;
  }

  /** @param {HTMLElement[]} nodes @param {number} from @param {number} to */
  set(nodes, from, to) {
    const wanted = nodes.slice(from, to);
    if (wanted.length === this.#marked.length && wanted[0] === this.#marked[0] && wanted.at(-1) === this.#marked.at(-1)) return;
    const stays = new Set(wanted);
    for (const node of this.#marked) if (!stays.has(node)) node.classList.remove(this.name);
    for (const node of wanted) node.classList.add(this.name);
    this.#marked = wanted;
  }
}
