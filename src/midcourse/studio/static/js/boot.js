// @ts-check
/** Before anything is drawn: the theme that the person chose last time. A script of its own, for the page has no inline ones. */
try {
  const theme = localStorage.getItem("midcourse.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  document.documentElement.dataset.theme = ""; // a browser that keeps nothing: as the system says
}
