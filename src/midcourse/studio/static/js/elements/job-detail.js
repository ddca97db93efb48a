// @ts-check
/**
 * One job: how far it is, its curves, what was said on the way, what became of it, and what can be done with that.
 *
 * The job itself comes with the events; its points are asked for from where they were left, when the job has moved on, one
 * question at a time.
 */

import * as api from "../api.js";
import { announce } from "../announce.js";
import { notes } from "../curves.js";
import { h, icon } from "../dom.js";
import { command, jobBegun } from "../effects.js";
import { Piece } from "../element.js";
import { named, written } from "../form.js";
import { STATES, outcomes, progress, title, under_way, watched } from "../jobs.js";
import { address } from "../router.js";
import { store } from "../store.js";
import { many, when } from "../words.js";
import { JobCurves } from "./job-curves.js";
import { copy } from "./train-plan.js";

/** @import * as T from "../types.d.ts" */

const REST = 400; // milliseconds between two questions for points

export class JobDetailView extends Piece {
  #id = -1;
  #curves = new JobCurves();
  /** @type {T.Point[]} */
  #points = [];
  #next = 0;
  #asking = false;
  #again = false;
  /** @type {T.JobView["state"] | null} */
  #state = null;

  connected() {
    this.replaceChildren(
      h("header", {}, h("div", {}, h("h2", { tabindex: "-1" }), h("p", { class: "muted when" })), h("span", { class: "chip state" }), h("div", { class: "buttons acts" })),
      h("p", { class: "message", hidden: true }),
      h("div", { class: "progress" }, h("progress", { max: "1", "aria-label": "Progress" }), h("p", { class: "numbers far" })),
      this.#curves,
      h("div", { class: "notes" }),
      h("dl", { class: "outcomes" }),
      h("details", { class: "how" }, h("summary", {}, "How it was started"), h("pre", { tabindex: "0", "aria-label": "Command" }, h("code")), copy(() => this.find("code").textContent ?? ""), h("dl", { class: "settings" })),
    );
    this.watch(({ jobs }) => jobs?.find(({ id }) => id === this.#id), (job) => job && this.#show(job));
    this.watch(({ models }) => models, () => this.#job && this.#acts(this.#job));
  }

  get #job() {
    return store.state.jobs?.find(({ id }) => id === this.#id);
  }

  /** Shows another job. @param {number} id */
  open(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.#points = [];
    this.#next = 0;
    this.#state = null;
    this.#curves.points = [];
    this.#curves.find(".plots").replaceChildren();
    this.find(".notes").replaceChildren();
    if (this.#job) this.#show(this.#job);
    void this.#more();
  }

  /** @param {T.JobView} job */
  #show(job) {
    this.find("h2").textContent = title(job);
    this.find(".when").textContent = [many(job.steers, "steer"), job.started ? `started ${when(job.started)}` : "", job.ended ? `ended ${when(job.ended)}` : ""].filter(Boolean).join(" · ");
    const state = this.find(".state");
    state.textContent = STATES[job.state];
    state.className = `chip state ${job.state}`;
    const message = /** @type {HTMLElement} */ (this.find(".message"));
    message.hidden = !job.message;
    message.textContent = job.message;
    message.classList.toggle("failed", job.state === "failed");
    this.#far(job);
    if (this.#state !== job.state) this.#acts(job);
    if (this.#state && this.#state !== job.state) announce(`${title(job)}: ${STATES[job.state].toLowerCase()}`);
    this.#state = job.state;
    const listed = (/** @type {[string, string][]} */ pairs) => pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "numbers" }, value)));
    this.find(".outcomes").replaceChildren(...listed(outcomes(job.metrics)));
    this.find("code").textContent = job.command;
    this.find(".settings").replaceChildren(...listed(Object.entries(job.settings).map(([name, value]) => [named(name), written(value)])));
    void this.#more();
  }

  /** @param {T.JobView} job */
  #far(job) {
    const place = /** @type {HTMLElement} */ (this.find(".progress"));
    place.hidden = job.state === "done" || (!under_way(job) && !job.progress);
    const point = job.progress?.note ? (this.#points.findLast(({ note }) => note === null) ?? job.progress) : job.progress;
    const { share, words } = progress({ ...job, progress: point });
    const bar = /** @type {HTMLProgressElement} */ (this.find("progress"));
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
    bar.hidden = share === null && !under_way(job);
    const said = [...words, ...watched(point)].join(" · ");
    bar.setAttribute("aria-valuetext", words.join(", "));
    this.find(".far").textContent = said;
  }

  /** @param {T.JobView} job */
  #acts(job) {
    const { id, name, state, kind, report, resumable } = job;
    const focused = this.find(".acts").contains(document.activeElement);
    const button = (/** @type {string} */ text, /** @type {string} */ style, /** @type {() => unknown} */ run) => h("button", { type: "button", class: `button ${style}`, onclick: run }, text);
    const link = (/** @type {string} */ text, /** @type {string} */ href, /** @type {string} */ style = "") => h("a", { class: `button ${style}`, href }, text);
    /** @type {(Node | false)[]} */
    const acts = [];
    if (state === "running" || state === "waiting") acts.push(button("Stop", "", () => command("Stop", () => api.stopJob(id))));
    if (state === "stopping") acts.push(button("Stop at once", "", () => command("Stop at once", () => api.stopJob(id))));
    if (resumable) acts.push(button(kind === "measure" ? "Measure again" : "Go on", "primary", () => command("Go on", () => api.resumeJob(id))));
    const adapter = kind === "train" && state === "done" ? store.state.models?.adapters.find((one) => one.name === name) : undefined;
    if (adapter) {
      const on = store.state.models?.active === name;
      if (adapter.fits) acts.push(on ? link("Steer with it", address("steer"), "primary") : button("Switch to it", "primary", () => command("Switch adapter", () => api.useAdapter({ adapter: name }), (models) => store.dispatch({ type: "models", data: models }))));
      if (adapter.fits) acts.push(button("Measure", "", () => this.#measure(name)), link("Compare", address("compare", null, { right: name })));
      acts.push(h("a", { class: "button", href: api.adapterAddress(name), download: "" }, icon("download"), "Download"));
    }
    if (report) acts.push(h("a", { class: kind === "measure" ? "button primary" : "button", href: api.reportAddress(id), target: "_blank", rel: "noopener" }, "Open the report"));
    this.find(".acts").replaceChildren(...acts.filter((act) => act !== false));
    if (focused) /** @type {HTMLElement} */ (this.querySelector(".acts > *") ?? this.find("h2")).focus();
  }

  /** @param {string} adapter */
  async #measure(adapter) {
    const job = await command("Measure", () => api.measure({ adapter }));
    if (!job) return;
    jobBegun(job);
    location.hash = address("train", String(job.id));
  }

  /** The points that have come since. */
  async #more() {
    if (this.#id < 0 || !this.isConnected) return;
    this.#again = true;
    if (this.#asking) return;
    this.#asking = true;
    while (this.#again && this.isConnected) {
      this.#again = false;
      const id = this.#id;
      try {
        const { points, next, job } = await api.job(id, this.#next, { signal: this.signal });
        if (id !== this.#id) continue;
        jobBegun(job);
        this.#next = next;
        if (points.length) {
          this.#points = [...this.#points, ...points];
          this.#curves.points = this.#points;
          this.#notes();
          this.#again ||= points.length > 1000; // a long run comes in parts
        }
      } catch (error) {
        if (this.signal.aborted) break;
        if (!(error instanceof api.ApiError)) throw error;
        if (error.code === "missing") this.find(".when").textContent = error.message;
        break; // the next event asks again
      }
      await new Promise((resolve) => setTimeout(resolve, REST));
    }
    this.#asking = false;
  }

  #notes() {
    const said = notes(this.#points);
    const place = this.find(".notes");
    if (said.length === place.querySelectorAll("li").length) return;
    const open = place.querySelector("details")?.open ?? said.length <= 6;
    place.replaceChildren(h("details", { open }, h("summary", {}, `${many(said.length, "note")} on the way`), h("ul", {}, said.map((text) => h("li", {}, text)))));
  }
}

customElements.define("mc-job-detail", JobDetailView);
