// @ts-check
/**
 * Scrolling along with what is written, as long as the person looks at the end. Whoever scrolls up is left alone.
 */

/**
 * @param {HTMLElement} element that grows
 * @param {() => HTMLElement} end
 * @param {AbortSignal} signal
 */
export function follow(element, end, signal) {
  const scroller = element.closest(".page") ?? document.scrollingElement;
  if (!(scroller instanceof HTMLElement)) return;
  let near = true;
  let height = 0;
  const seen = new IntersectionObserver(([entry]) => (near = entry.isIntersecting), { root: scroller, rootMargin: "0px 0px 120px 0px" });
  seen.observe(end());
  const grown = new ResizeObserver(() => {
    const now = element.offsetHeight;
    // Only what is written at the end: the line opening in the middle grows, too, and is not followed.
    if (near && now > height && element.querySelector(".writing")) scroller.scrollTop = scroller.scrollHeight;
    height = now;
  });
  grown.observe(element);
  signal.addEventListener("abort", () => [seen, grown].forEach((one) => one.disconnect()), { once: true });
}
