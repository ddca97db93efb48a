// @ts-check
/**
 * Training: at the left all jobs, beside them a new training, or the job that the address names (`#/train/7`).
 */

import { h } from "../dom.js";
import { loadFacets, loadJobs } from "../effects.js";
import { Piece } from "../element.js";
import { store } from "../store.js";
import { JobDetailView } from "./job-detail.js";
import { JobList } from "./job-list.js";
import { TrainForm } from "./train-form.js";

class TrainView extends Piece {
  #form = new TrainForm();
  #detail = new JobDetailView();

  connected() {
    const none = h("div", { class: "empty", hidden: true }, h("h2", {}, "Nothing to train on yet"), h("p", {}, "Steer an answer first: each correction that is kept can be trained on."), h("a", { class: "button primary", href: "#/steer" }, "Steer an answer"));
    this.replaceChildren(h("div", { class: "train" }, new JobList(), h("div", { class: "page" }, h("header", {}, h("h1", {}, "Train")), none, this.#form, this.#detail)));
    this.watch(({ route }) => (route.view === "train" ? route.id : undefined), (id) => id !== undefined && this.#show(id));
    this.watch(({ facets }) => facets?.steers, (steers) => {
      none.hidden = steers !== 0 || store.state.route.id !== null;
      this.#form.hidden = steers === 0 || store.state.route.id !== null;
    });
  }

  shown() {
    void loadFacets();
    if (!store.state.jobs) void loadJobs();
    this.#form.shown();
  }

  /** @param {string | null} id */
  #show(id) {
    const job = id === null ? NaN : Number(id);
    const empty = store.state.facets?.steers === 0;
    this.#form.hidden = id !== null || empty;
    /** @type {HTMLElement} */ (this.find(".empty")).hidden = id !== null || !empty;
    this.#detail.hidden = id === null;
    this.find("h1").textContent = id === null ? "New training" : "Train";
    this.find(".train").classList.toggle("one", id !== null);
    if (Number.isInteger(job)) this.#detail.open(job);
  }
}

customElements.define("mc-train-view", TrainView);
