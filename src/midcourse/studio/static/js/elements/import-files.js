// @ts-check
/**
 * Files of answers into the store: dropped anywhere on the view, or chosen. One after the other; each says what became of it
 * (`mc-imported-file`).
 */

import { h, icon } from "../dom.js";
import { announce } from "../announce.js";
import { Piece } from "../element.js";
import { ImportedFile } from "./imported-file.js";

export class ImportFiles extends Piece {
  /** @type {Promise<void>} the import that is under way, and those that wait */
  #queue = Promise.resolve();
  #depth = 0; // of the elements that something is dragged over

  connected() {
    const input = h("input", { type: "file", multiple: true, accept: ".jsonl,.json,.txt,.ndjson", class: "unseen", "aria-label": "Files to import", tabindex: "-1" });
    input.addEventListener("change", () => {
      this.#take([...(input.files ?? [])]);
      input.value = "";
    });
    this.role = "region";
    this.ariaLabel = "Import";
    this.replaceChildren(
      h("div", { class: "drop" },
        icon("upload"),
        h("div", {}, h("h2", {}, "Import"), h("p", { class: "muted" }, "Drop files here: steers written by hand or exported, one JSON object a line. What is there already stays as it is.")),
        h("button", { type: "button", class: "button primary", onclick: () => input.click() }, "Choose files"),
        input,
      ),
      h("div", { class: "files" }),
    );
    const view = this.closest("mc-data-view") ?? this;
    const files = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
    this.listen(view, "dragenter", (event) => files(event) && this.#over(1));
    this.listen(view, "dragleave", (event) => files(event) && this.#over(-1));
    this.listen(view, "dragover", (event) => files(event) && event.preventDefault());
    this.listen(view, "drop", (/** @type {DragEvent} */ event) => {
      if (!files(event)) return;
      event.preventDefault();
      this.#over(-this.#depth);
      this.#take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {number} step */
  #over(step) {
    this.#depth = Math.max(0, this.#depth + step);
    this.find(".drop").classList.toggle("over", this.#depth > 0);
  }

  /** @param {File[]} files */
  #take(files) {
    if (!files.length) return;
    announce(files.length === 1 ? `Importing ${files[0].name}` : `Importing ${files.length} files`);
    for (const file of files) {
      const one = Object.assign(new ImportedFile(), { file });
      this.find(".files").prepend(one);
      this.#queue = this.#queue.then(() => one.run(false));
    }
  }
}

customElements.define("mc-import-files", ImportFiles);
