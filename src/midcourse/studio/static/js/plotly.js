// @ts-check
/**
 * plotly, from its Python package, fetched when something is first to be plotted and then kept.
 *
 * It makes style elements while it starts, and the content security policy refuses those without the page's nonce: until it
 * has started, style elements get it.
 */

/** @typedef {{react: (place: HTMLElement, data: object[], layout: object, config: object) => Promise<unknown>, purge: (place: HTMLElement) => void}} Plotly */

/** @type {Promise<Plotly> | null} */
let loading = null;

/** @returns {Promise<Plotly>} */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const restore = withNonce();
    const script = document.createElement("script");
    script.src = "/plotly.js";
    script.addEventListener("load", () => {
      restore();
      resolve(/** @type {any} */ (window).Plotly);
    });
    script.addEventListener("error", () => {
      restore();
      script.remove();
      loading = null;
      reject(new Error("The plots could not be loaded; the numbers stand below."));
    });
    document.head.append(script);
  });
  return loading;
}

/** Gives every new style element the nonce, until what it returns is called. */
function withNonce() {
  const nonce = /** @type {HTMLScriptElement | null} */ (document.querySelector("script[nonce]"))?.nonce ?? "";
  const make = document.createElement;
  document.createElement = /** @type {typeof make} */ (
    (/** @type {string} */ name, /** @type {any} */ options) => {
      const element = make.call(document, name, options);
      if (name === "style") element.nonce = nonce;
      return element;
    }
  );
  return () => (document.createElement = make);
}
