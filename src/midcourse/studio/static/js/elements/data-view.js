// @ts-check
/**
 * Data in and out: files are dragged in, everything or a selection is taken away, adapters too; and where all this is.
 */

import * as api from "../api.js";
import { h, icon } from "../dom.js";
import { loadFacets } from "../effects.js";
import { Piece } from "../element.js";
import { store } from "../store.js";
import { many, when } from "../words.js";
import { ExportForm } from "./export-form.js";
import { ImportFiles } from "./import-files.js";

/** @import * as T from "../types.d.ts" */

class DataView extends Piece {
  connected() {
    this.replaceChildren(
      h("div", { class: "page data" },
        h("header", {}, h("h1", {}, "Data"), h("p", { class: "muted numbers held", role: "status" })),
        new ImportFiles(),
        new ExportForm(),
        h("section", { "aria-labelledby": "adapters-title" }, h("h2", { id: "adapters-title" }, "Adapters"), h("p", { class: "muted none" }, "Training makes adapters: ordinary PEFT folders, to be used wherever the model is. There are none yet."), h("ul", { class: "adapter-list" })),
        h("section", { class: "where", "aria-labelledby": "where-title" }, h("h2", { id: "where-title" }, "Where it is"), h("p", {}, "All of it stays on this machine. The store is ", h("code", {}, "…"))),
      ),
    );
    this.watch(({ facets }) => facets, (facets) => facets && this.#count(facets));
    this.watch(({ models }) => models, (models) => this.#adapters(models?.adapters ?? []));
  }

  shown() {
    void loadFacets();
  }

  /** @param {T.Facets} facets */
  #count({ traces, steers, aside, store: where }) {
    this.find(".held").textContent = `${many(traces, "answer")} · ${many(steers, "steer")}${aside ? `, ${aside} of them set aside` : ""}`;
    this.find(".where code").textContent = where;
  }

  /** @param {T.AdapterView[]} adapters */
  #adapters(adapters) {
    this.find(".none").toggleAttribute("hidden", adapters.length > 0);
    const active = store.state.models?.active;
    this.find(".adapter-list").replaceChildren(
      ...adapters.map(({ name, steers, objective, created }) =>
        h("li", {},
          h("div", { class: "what" }, h("strong", {}, name, name === active && h("span", { class: "chip on" }, "in use")), h("span", { class: "muted small" }, [steers === null ? "" : many(steers, "steer"), objective, when(created)].filter(Boolean).join(" · "))),
          h("a", { class: "button", href: api.adapterAddress(name), download: "", "aria-label": `Download ${name}` }, icon("download"), "Download"),
        ),
      ),
    );
  }
}

customElements.define("mc-data-view", DataView);
