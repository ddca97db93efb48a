// @ts-check
/** The name, the views, the running job, the model and its adapter, help and preferences; below it, a lost connection. */

import "./adapter-menu.js";
import "./connection-bar.js";
import "./job-status.js";
import { h, icon } from "../dom.js";
import { Piece } from "../element.js";
import { keyFor } from "../keys.js";
import { VIEWS, address } from "../router.js";
import { startNew } from "./composer.js";
import { openHelp } from "./help-sheet.js";
import { openPreferences } from "./preferences.js";
import { searchList, toggleList } from "./trace-list.js";

class TopBar extends Piece {
  connected() {
    const list = h(
      "button",
      { type: "button", class: "button plain only-icon", "aria-label": "Conversations", "aria-controls": "traces", onclick: toggleList },
      icon("list"),
    );
    const links = VIEWS.map(({ view, label }) => h("a", { href: address(view) }, label));
    const help = h("button", { type: "button", class: "button plain only-icon", "aria-label": "Keys", onclick: openHelp }, h("b", { "aria-hidden": "true" }, "?"));
    const preferences = h("button", { type: "button", class: "button plain only-icon", "aria-label": "Preferences", onclick: openPreferences }, icon("gear"));
    this.replaceChildren(
      h(
        "header",
        { class: "top" },
        list,
        h("a", { class: "brand", href: address("steer"), "aria-label": "Midcourse" }, h("img", { src: "/static/icon.svg", alt: "", width: 22, height: 22 }), h("span", {}, "Midcourse")),
        h("nav", { class: "views", "aria-label": "Views" }, links),
        h("div", { class: "status" }, h("mc-job-status"), h("mc-adapter-menu"), help, preferences),
      ),
      h("mc-connection-bar"),
    );
    this.watch(
      ({ route }) => route.view,
      (view) => {
        list.hidden = view !== "steer";
        links.forEach((link, at) => {
          if (VIEWS[at].view === view) link.setAttribute("aria-current", "page");
          else link.removeAttribute("aria-current");
        });
      },
    );
    // Who comes back to steering comes back to the same conversation.
    this.watch(
      ({ route, trace }) => (route.view === "steer" ? route.id : (trace?.id ?? null)),
      (id) => (links[0].href = address("steer", id)),
    );
    this.watch(
      ({ preferences: { keys } }) => keys,
      () => {
        list.dataset.tip = `Conversations ${keyFor("list")}`;
        help.dataset.tip = `Keys ${keyFor("help")}`;
        preferences.dataset.tip = `Preferences ${keyFor("preferences")}`;
        VIEWS.forEach(({ view }, at) => (links[at].dataset.tip = keyFor(`view-${view}`)));
      },
    );
    preferences.dataset.tipEnd = help.dataset.tipEnd = "";
    this.keys({ help: openHelp, preferences: openPreferences, new: startNew, search: searchList, list: toggleList });
  }
}

customElements.define("mc-top-bar", TopBar);
