// @ts-check
/**
 * Dark or light: as the system says, or as the person does. Remembered in the browser, too, so that nothing flashes at the
 * next start (boot.js reads it before anything is drawn).
 */

import { store } from "./store.js";

export function followTheme() {
  store.watch(
    ({ preferences, prepared }) => (prepared ? preferences.theme : null),
    (theme) => {
      if (theme === null) return;
      if (theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme;
      try {
        localStorage.setItem("midcourse.theme", theme);
      } catch {
        return; // a browser that keeps nothing flashes
      }
    },
  );
}
