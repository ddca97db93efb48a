// @ts-check
/**
 * All jobs, the newest first, each with how far it is; the one that is looked at is marked.
 */

import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { STATES, progress, title, under_way } from "../jobs.js";
import { address } from "../router.js";
import { store } from "../store.js";
import { when } from "../words.js";

/** @import * as T from "../types.d.ts" */

export class JobList extends Piece {
  connected() {
    this.role = "navigation";
    this.ariaLabel = "Jobs";
    const begin = h("a", { class: "button new", href: address("train") }, icon("plus"), "New training");
    this.replaceChildren(begin, h("ul", { class: "jobs" }));
    this.watch(({ jobs }) => jobs, () => this.#draw());
    this.watch(({ route }) => route, () => this.#draw());
  }

  #draw() {
    const { jobs, route } = store.state;
    const here = route.view === "train" ? route.id : null;
    this.find(".new").ariaCurrent = route.view === "train" && !here ? "page" : null;
    const places = new Map([...this.querySelectorAll("li")].map((item) => [item.dataset.job, item]));
    const items = (jobs ?? []).map((job) => {
      const item = places.get(String(job.id)) ?? h("li", { dataset: { job: String(job.id) } }, h("a", { href: address("train", String(job.id)) }));
      this.#fill(/** @type {HTMLAnchorElement} */ (item.firstElementChild), job, here === String(job.id));
      return item;
    });
    const list = this.find("ul");
    if (items.length !== list.children.length || items.some((item, place) => list.children[place] !== item)) list.replaceChildren(...items);
  }

  /** @param {HTMLAnchorElement} link @param {T.JobView} job @param {boolean} here */
  #fill(link, job, here) {
    link.ariaCurrent = here ? "page" : null;
    const { share } = progress(job);
    const said = under_way(job) ? `${STATES[job.state]}${share === null ? "" : ` ${Math.round(share * 100)} %`}` : `${STATES[job.state]} · ${when(job.ended ?? job.created)}`;
    const text = `${title(job)}\n${said}`;
    if (link.dataset.said === text) return;
    link.dataset.said = text;
    link.replaceChildren(h("span", { class: "cut" }, h("span", { class: "muted" }, job.kind === "train" ? "Training " : "Measuring "), job.name), h("span", { class: `small state ${job.state}` }, said));
  }
}

customElements.define("mc-job-list", JobList);
