// @ts-check
/** The job that runs now: what it is, how far, and how long still; a link to it. */

import { h } from "../dom.js";
import { Piece } from "../element.js";
import { span } from "../format.js";
import { address } from "../router.js";

/** @import {JobView} from "../types.d.ts" */

const BUSY = new Set(["waiting", "running", "stopping"]);

class JobStatus extends Piece {
  connected() {
    this.watch(
      ({ jobs }) => jobs?.find((job) => BUSY.has(job.state)),
      (job) => this.replaceChildren(...(job ? [this.#link(job)] : [])),
    );
  }

  /** @param {JobView} job */
  #link({ id, kind, name, progress, state }) {
    const share = progress && progress.steps ? progress.step / progress.steps : 0;
    const bar = h("span", { class: "meter", "aria-hidden": "true" }, h("span"));
    /** @type {HTMLElement} */ (bar.firstChild).style.inlineSize = `${Math.round(100 * share)}%`;
    const verb = kind === "train" ? "Training" : "Measuring";
    const left = progress?.seconds_left ? `${span(progress.seconds_left)} left` : state;
    return h(
      "a",
      { class: "job", href: address("train", String(id)) },
      bar,
      h("span", { class: "cut what" }, `${verb} ${name}`),
      h("span", { class: "unseen" }, ` ${Math.round(100 * share)} % done, `),
      h("span", { class: "muted numbers left" }, left),
    );
  }
}

customElements.define("mc-job-status", JobStatus);
