// @ts-check
/**
 * A training to be: which steers, how, under which name. As one changes things, the server says what it would be: the command
 * that does the same, how many steers, and what stands against it (`mc-train-plan` shows that). All has its right default.
 */

import * as api from "../api.js";
import { h } from "../dom.js";
import { command, jobBegun } from "../effects.js";
import { Piece } from "../element.js";
import { changed, grouped } from "../form.js";
import { Later } from "../later.js";
import { go } from "../router.js";
import { store } from "../store.js";
import { SettingField } from "./setting-field.js";
import { TrainPlan } from "./train-plan.js";

/** @import * as T from "../types.d.ts" */

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SELECT = /** @type {const} */ (["tag", "trace_tag", "author", "serves", "model", "text"]);

export class TrainForm extends Piece {
  /** @type {T.Setting[]} */
  #settings = [];
  #loading = false;
  #plan = new TrainPlan();
  #asking = new Later((/** @type {T.NewTraining} */ body, signal) => api.plan(body, { signal }), {
    reply: (plan) => this.#planned(plan),
    fail: (error) => this.#refused(error),
  });

  connected() {
    if (this.firstChild) return;
    const form = h("form", { class: "train-form", novalidate: true, "aria-label": "New training" }, this.#name(), this.#select(), h("fieldset", { class: "how" }, h("legend", {}, "How"), h("p", { class: "muted", role: "status" }, "Loading the settings…")));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.#ask());
    this.replaceChildren(form, this.#plan);
    this.listen(this.#plan, "start", () => void this.#start());
    this.watch(({ facets }) => facets, (facets) => facets && this.#offer(facets));
    this.watch(({ models }) => models, () => this.#adapters());
    this.watch(({ jobs }) => jobs, () => this.#propose());
    this.signal.addEventListener("abort", () => this.#asking.drop());
    void this.#load();
  }

  /** Its steers may be others by now. */
  shown() {
    if (this.#settings.length) this.#ask();
    else if (this.firstChild) void this.#load();
  }

  #select() {
    const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ any) =>
      h("div", { class: "field" }, h("label", { for: `select-${name}` }, label), h("select", { class: "input", id: `select-${name}`, name }, h("option", { value: "" }, any)));
    const share = h("input", { type: "range", id: "hold-out", name: "hold_out", min: "0", max: "50", step: "5", value: "10", "aria-describedby": "hold-out-help" });
    const shown = h("output", { for: "hold-out", class: "numbers" }, "10 %");
    share.addEventListener("input", () => (shown.value = `${share.value} %`));
    return h("fieldset", {}, h("legend", {}, "Which steers"),
      h("div", { class: "fields" },
        choice("tag", "Tag of the steer", "Any"),
        choice("trace_tag", "Tag of the conversation", "Any"),
        choice("author", "Author", "Anybody"),
        choice("serves", "Serves", "Any attribute"),
        choice("model", "Written with", "Any model"),
        h("div", { class: "field" }, h("label", { for: "select-text" }, "Text"), h("input", { class: "input", id: "select-text", name: "text", type: "search", placeholder: "All", autocomplete: "off" })),
        h("div", { class: "field" }, h("label", { for: "hold-out" }, "Held out: ", shown), share),
      ),
      h("p", { class: "fault", dataset: { field: "select" }, hidden: true }),
      h("p", { class: "help", id: "hold-out-help" }, "Held-out steers are looked at and not trained on: they tell whether the training carries over. What is set aside is left out."),
    );
  }

  #name() {
    return h("fieldset", {}, h("legend", {}, "Name"),
      h("div", { class: "fields" },
        h("div", { class: "field" }, h("label", { for: "train-name" }, "Name of the adapter"), h("input", { class: "input", id: "train-name", name: "name", maxlength: "64", autocomplete: "off", spellcheck: "false", "aria-describedby": "train-name-fault" }), h("span", { class: "fault", id: "train-name-fault", dataset: { field: "name" }, hidden: true })),
        h("div", { class: "field" }, h("label", { for: "start-from" }, "Begin with"), h("select", { class: "input", id: "start-from", name: "start_from" }), h("span", { class: "fault", dataset: { field: "start_from" }, hidden: true })),
      ),
    );
  }

  async #load() {
    if (this.#loading) return; // a second answer would put fields in the place of those that are typed in by now
    this.#loading = true;
    try {
      this.#settings = await api.trainSettings({ signal: this.signal });
    } catch (error) {
      if (this.signal.aborted) return;
      const again = h("button", { type: "button", class: "button", onclick: () => void this.#load() }, "Try again");
      this.find(".how").replaceChildren(h("legend", {}, "How"), h("p", {}, error instanceof Error ? error.message : String(error)), again);
      return;
    } finally {
      this.#loading = false;
    }
    const { basic, topics } = grouped(this.#settings);
    const field = (/** @type {T.Setting} */ setting) => Object.assign(new SettingField(), { setting });
    const folded = topics.map(({ topic, settings }) => h("details", {}, h("summary", {}, topic, h("span", { class: "muted numbers" }, ` ${settings.length}`)), h("div", { class: "fields" }, settings.map(field))));
    this.find(".how").replaceChildren(h("legend", {}, "How"), h("div", { class: "fields" }, basic.map(field)), ...folded);
    this.#ask();
  }

  /** @param {T.Facets} facets */
  #offer({ steer_tags, trace_tags, authors, serves, models }) {
    for (const [name, values] of /** @type {[string, T.Facet[]][]} */ ([["tag", steer_tags], ["trace_tag", trace_tags], ["author", authors], ["serves", serves], ["model", models]])) {
      const field = /** @type {HTMLSelectElement} */ (this.find(`[name=${name}]`));
      const { value } = field;
      field.replaceChildren(field.options[0], ...values.map((one) => h("option", { value: one.value }, `${one.value} (${one.count})`)));
      field.value = values.some((one) => one.value === value) ? value : "";
    }
    /** @type {HTMLElement} */ (this.find("#select-serves").parentElement).hidden = !serves.length;
  }

  #adapters() {
    const field = /** @type {HTMLSelectElement} */ (this.find("[name=start_from]"));
    const { value } = field;
    const known = (store.state.models?.adapters ?? []).filter(({ fits }) => fits).map(({ name }) => name);
    field.replaceChildren(h("option", { value: "" }, "A new adapter"), ...known.map((name) => h("option", { value: name }, `${name}, trained further`)));
    field.value = known.includes(value) ? value : "";
    this.#propose();
  }

  /** A name that is not taken, unless the person has typed one. */
  #propose() {
    const field = /** @type {HTMLInputElement} */ (this.find("[name=name]"));
    const { jobs, models } = store.state;
    const taken = new Set([...(jobs ?? []), ...(models?.adapters ?? [])].map(({ name }) => name));
    if (field.value && (field.value !== field.dataset.proposed || !taken.has(field.value))) return;
    let number = 1;
    while (taken.has(`steered-${number}`)) number += 1;
    field.value = field.dataset.proposed = `steered-${number}`;
    this.#ask();
  }

  /** @returns {T.NewTraining} */
  get #wish() {
    const given = new FormData(/** @type {HTMLFormElement} */ (this.find("form")));
    const select = Object.fromEntries(SELECT.map((name) => [name, String(given.get(name) ?? "").trim()]).filter(([, value]) => value));
    const values = new Map(this.#fields.map((field) => [field.setting?.name ?? "", field.value]));
    return {
      name: String(given.get("name") ?? "").trim(),
      select,
      hold_out: Number(given.get("hold_out") ?? 10) / 100,
      settings: changed(this.#settings, values),
      start_from: String(given.get("start_from") ?? "") || null,
    };
  }

  get #fields() {
    return /** @type {SettingField[]} */ ([...this.querySelectorAll("mc-setting")]);
  }

  #ask() {
    if (!this.#settings.length) return;
    const wish = this.#wish;
    const mistyped = this.#fields.map(({ setting, problem }) => ({ message: problem ?? "", field: setting?.name ?? null, where: null, line: null })).filter(({ message }) => message);
    if (!NAME.test(wish.name)) mistyped.push({ message: "Letters, digits, dots, dashes and underscores; a letter or digit first.", field: "name", where: null, line: null });
    this.#plan.wait();
    if (mistyped.length) {
      this.#asking.drop();
      this.#refuse(mistyped, null);
    } else this.#asking.put(wish);
  }

  /** @param {T.Plan} plan */
  #planned(plan) {
    this.#faults(plan.problems);
    this.#plan.show(plan);
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof api.ApiError)) throw error;
    this.#refuse(error.problems, error.message);
  }

  /** @param {T.ProblemView[]} problems @param {string | null} message */
  #refuse(problems, message) {
    this.#faults(problems);
    this.#plan.refuse(problems, message);
  }

  /** Says at each field what is wrong with it. @param {T.ProblemView[]} problems */
  #faults(problems) {
    const of = (/** @type {string} */ name) => problems.filter(({ field }) => field?.split(".").at(-1) === name || field?.split(".")[0] === name).map(({ message }) => message).join(" ");
    for (const field of this.#fields) {
      const text = of(field.setting?.name ?? "");
      field.fault(text || null);
      const folded = field.closest("details");
      if (text && folded) folded.open = true;
    }
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-field]"))) {
      const text = of(place.dataset.field ?? "");
      place.textContent = text;
      place.hidden = !text;
      const input = place.closest(".field")?.querySelector("input, select");
      if (input) input.ariaInvalid = text ? "true" : null;
    }
  }

  async #start() {
    const job = await command("Start training", () => api.train(this.#wish));
    if (!job) return;
    jobBegun(job);
    go("train", String(job.id));
  }
}

customElements.define("mc-train-form", TrainForm);
