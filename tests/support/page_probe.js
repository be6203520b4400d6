// What the tests of the page ask a browser; loaded into the page as `probe`.
window.probe = {
  /** A selector for every link and control that can be used now. */
  controls() {
    const path = (e) => {
      const steps = [];
      for (let n = e; n !== document.body; n = n.parentElement) {
        steps.unshift(`${n.tagName}:nth-child(${[...n.parentElement.children].indexOf(n) + 1})`);
      }
      return `body > ${steps.join(" > ")}`;
    };
    return [...document.querySelectorAll("a[href]:not(.skip), button, select, summary, input")]
      .filter((e) => e.checkVisibility() && !e.disabled)
      .map(path);
  },

  /** All that using a control can change. */
  state() {
    const fields = [...document.querySelectorAll("select, input")].map((e) => e.value);
    return [
      document.querySelector("header").outerHTML, document.querySelector("main").outerHTML,
      document.documentElement.dataset.theme, Math.round(scrollY), location.hash, ...fields,
    ].join(" ");
  },

  /** Whether a control is there and has something to do; remembers how the page is before. */
  look(where) {
    const e = document.querySelector(where);
    if (!e || !e.checkVisibility() || e.disabled) return null;
    if (e.textContent === "all" && e.getAttribute("aria-pressed") === "true") return null;
    const values = [...(e.options || [])].map((o) => o.value).filter((v) => v !== e.value);
    if (e.tagName === "SELECT" && !values.length) return null;
    scrollTo(0, 0);
    this.before = this.state();
    return { kind: e.tagName, values, last: e.getAttribute("max") };
  },

  /** Whether anything is different from what `look` saw, two frames later. */
  changed() {
    return new Promise((done) => {
      requestAnimationFrame(() => requestAnimationFrame(() => done(this.before !== this.state())));
    });
  },

  clearFilters() {
    const all = "[id^=filter-][id$=-all][aria-pressed=false]";
    document.querySelectorAll(all).forEach((e) => e.click());
  },

  /** Visible texts whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.2 AA). */
  faint() {
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const skipped = "script, style, .hidden, .skip, button:disabled, option";
    const onColour = ".army, .ambush, .reserve, .garrison"; // on shapes, not on the ground
    while (walk.nextNode()) {
      const text = walk.currentNode.textContent.trim();
      const e = walk.currentNode.parentElement;
      if (!text || !e.checkVisibility() || e.closest(skipped) || e.closest(onColour)) continue;
      const ratio = contrast(e);
      if (ratio < 4.5) found.push(`${e.tagName}.${e.getAttribute("class")} ${text}: ${ratio}`);
    }
    return found;
  },

  /** Parts of the page that stick out of it to the right. */
  outside() {
    return [...document.querySelectorAll("main *")]
      .filter((e) => e.checkVisibility() && !e.closest(".scroll, pre, .hidden"))
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => e.outerHTML.slice(0, 80));
  },

  /** Controls lower than a finger needs (WCAG 2.2 AA: 24 pixels). */
  small() {
    return [...document.querySelectorAll("main button, main select")]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24)
      .map((e) => e.outerHTML);
  },

  /** Font sizes of plots, as they come out on the screen. */
  plotFonts() {
    return [...document.querySelectorAll("svg text")].map((e) => {
      const { a, b } = e.getScreenCTM();
      return parseFloat(getComputedStyle(e).fontSize) * Math.hypot(a, b);
    });
  },

  /** What can have the focus, or is a picture, and has no name for a screen reader. */
  nameless() {
    const named = (e) =>
      e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.tagName === "PRE" ||
      (e.tagName !== "SELECT" && e.textContent.trim()) ||
      (e.labels && e.labels.length && e.labels[0].textContent.trim());
    const all = "a, button, select, input, summary, [tabindex='0'], svg[role=img]";
    return [...document.querySelectorAll(all)].filter((e) => !named(e)).map((e) => e.outerHTML);
  },
};

const numbers = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);

/** A colour over another, both as [r, g, b, alpha]. */
function over(top, under) {
  const alpha = top[3] ?? 1;
  return [0, 1, 2].map((i) => top[i] * alpha + under[i] * (1 - alpha));
}

/** Relative luminance (WCAG 2.2). */
function luminance(colour) {
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = colour.map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(e) {
  let ground = [255, 255, 255];
  const layers = [];
  for (let n = e.closest("svg") || e; n; n = n.parentElement) {
    layers.unshift(numbers(getComputedStyle(n).backgroundColor));
  }
  for (const layer of layers) ground = over(layer, ground);
  let opacity = 1;
  for (let n = e; n; n = n.parentElement) opacity *= Number(getComputedStyle(n).opacity);
  const style = getComputedStyle(e);
  const ink = numbers(e.namespaceURI.endsWith("svg") ? style.fill : style.color);
  const seen = over([...ink.slice(0, 3), (ink[3] ?? 1) * opacity], ground);
  const [high, low] = [luminance(seen), luminance(ground)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}
