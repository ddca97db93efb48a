// @ts-check
// The report's behaviour: draws the plots in the reader's colours, filters the forks. Text is only ever shown or hidden
// here, never made; without this script the page still holds everything but the plots.
"use strict";

(() => {
  const PAGE = 12; // forks shown at first, and added by each "Show more"
  const PAPER = 640; // CSS pixels that fit on an upright page
  const specs = JSON.parse(document.getElementById("figures")?.textContent ?? "{}");
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  /** Replaces every "--name" in a specification by the value of that CSS variable. */
  function coloured(/** @type {any} */ value, /** @type {CSSStyleDeclaration} */ style) {
    if (typeof value === "string") return value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
  }

  function base(/** @type {CSSStyleDeclaration} */ style) {
    const ink = style.getPropertyValue("--ink").trim();
    const muted = style.getPropertyValue("--muted").trim();
    const line = style.getPropertyValue("--line").trim();
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickfont: { color: muted }, fixedrange: true, automargin: true };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: style.getPropertyValue("--sans").trim(), size: 13, color: ink },
        margin: { l: 44, r: 12, t: 8, b: 44 },
        hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), bordercolor: line, font: { color: ink } },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: ink } },
        dragmode: false,
      },
      axis,
    };
  }

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const { layout, axis } = base(style);
    for (const place of document.querySelectorAll("[data-plot]")) {
      const spec = specs[/** @type {HTMLElement} */ (place).dataset.plot ?? ""];
      const own = coloured(spec.layout, style);
      const full = { ...layout, ...own };
      for (const name of new Set(["xaxis", "yaxis", ...Object.keys(own).filter((key) => /^[xy]axis\d*$/.test(key))])) {
        full[name] = { ...axis, ...own[name] };
        if (full[name].title) full[name].title = { ...full[name].title, font: { color: axis.tickfont.color, size: 12 }, standoff: 8 };
      }
      const printing = document.documentElement.classList.contains("printing");
      full.width = printing ? Math.min(place.clientWidth, PAPER) : undefined;
      // @ts-ignore: Plotly is the script before this one
      Plotly.react(place, coloured(spec.data, style), full, { displayModeBar: false, responsive: true, staticPlot: false });
    }
  }

  /** Paper is white whatever the screen is: the style sheet's print rules give light colours, the plots follow. */
  function atPrint() {
    document.documentElement.classList.add("printing");
    draw();
  }

  function filter() {
    const form = /** @type {HTMLFormElement | null} */ (document.getElementById("filter"));
    const more = /** @type {HTMLButtonElement | null} */ (document.getElementById("more"));
    const found = document.getElementById("found");
    if (!form || !more || !found) return;
    const cases = [...document.querySelectorAll("#cases > li")].map((item) => ({
      item: /** @type {HTMLElement} */ (item),
      kind: /** @type {HTMLElement} */ (item).dataset.kind ?? "",
      text: (item.textContent ?? "").toLowerCase(),
    }));
    let shown = PAGE;

    function show() {
      const data = new FormData(/** @type {HTMLFormElement} */ (form));
      const kinds = String(data.get("show") ?? "all").split(" ");
      const wanted = String(data.get("find") ?? "").trim().toLowerCase();
      const hits = cases.filter(({ kind, text }) => (kinds[0] === "all" || kinds.includes(kind)) && text.includes(wanted));
      const visible = new Set(hits.slice(0, shown).map(({ item }) => item));
      for (const { item } of cases) item.hidden = !visible.has(item);
      const left = hits.length - visible.size;
      /** @type {HTMLButtonElement} */ (more).hidden = left === 0;
      /** @type {HTMLButtonElement} */ (more).textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
      /** @type {HTMLElement} */ (found).textContent = hits.length === 0 ? "No fork like that." : `${visible.size} of ${hits.length} forks`;
      return hits;
    }

    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      shown = PAGE;
      show();
    });
    more.addEventListener("click", () => {
      const next = shown;
      shown += PAGE;
      const first = show()[next]?.item; // the keyboard goes on where the new ones begin
      if (first) {
        first.tabIndex = -1;
        first.focus({ preventScroll: still.matches });
      }
    });
    show();
  }

  draw();
  filter();
  scheme.addEventListener("change", draw);
  window.addEventListener("beforeprint", atPrint);
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    draw();
  });
})();
