// Plots of lines as SVG, with bands, seeds and a legend. Drawn anew for every width, so that text
// keeps its size on a phone.

/** Lines for a legend, each with the look of its series. */
function legend(series, hidden, onchange) {
  return el(
    "div",
    { class: "legend", role: "group", "aria-label": "Lines shown" },
    series.map((one) =>
      el(
        "button",
        {
          type: "button",
          class: "key",
          "aria-pressed": hidden.has(one.name) ? "false" : "true",
          onclick: () => {
            if (!hidden.delete(one.name)) hidden.add(one.name);
            onchange(one.name);
          },
        },
        swatch(one),
        ` ${one.name}`,
        one.note ? el("small", {}, ` ${one.note}`) : null,
      ),
    ),
  );
}

function swatch({ colour, dash, mark: shape }) {
  return svg(
    "svg",
    { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true" },
    svg("path", { d: "M1 6h32", stroke: colour, "stroke-dasharray": dash, "stroke-width": 2.4 }),
    mark(shape, 17, 6, 3.4, { fill: colour, stroke: colour }),
  );
}

/**
 * A plot of lines in a <figure>.
 *
 * spec: {title, note, x: {label, format, domain, at}, y: {label, format, domain}, references:
 * [{name, y}], series: [{name, note, colour, dash, mark, points: [[x, y]], band: [[x, low, high]],
 * seeds: [{seed, points}], bars: bool, step: bool}]}
 */
function lineChart(spec) {
  const hidden = new Set();
  const canvas = el("div", { class: "canvas" });
  const keys = el("div");
  const readout = el("p", { class: "readout", "aria-live": "polite" });
  const draw = (width) =>
    drawLines(
      spec,
      spec.series.filter((s) => !hidden.has(s.name)),
      width,
      readout,
    );
  const redraw = (focus) => {
    put(keys, legend(spec.series, hidden, redraw));
    if (canvas.clientWidth) put(canvas, draw(Math.floor(canvas.clientWidth)));
    const again = [...keys.querySelectorAll("button")].find((b) => b.textContent.startsWith(` ${focus}`));
    if (again) again.focus();
  };
  put(keys, legend(spec.series, hidden, redraw));
  responsive(canvas, draw);
  return el(
    "figure",
    { class: "plot" },
    el("figcaption", {}, el("strong", {}, spec.title), spec.note ? el("span", {}, spec.note) : null),
    keys,
    canvas,
    readout,
    asTable(spec),
  );
}

let clips = 0;

function drawLines(spec, series, width, readout) {
  const height = Math.max(230, Math.min(340, width * 0.62));
  const box = { left: 52, right: width - 14, top: 20, bottom: height - 42 };
  const all = series.flatMap((s) => [...s.points, ...(s.seeds || []).flatMap((one) => one.points)]);
  const edges = series.filter((s) => s.bars).flatMap((s) => s.band.flatMap(([, low, high]) => [low, high]));
  const xs =
    spec.x.domain ||
    extent(
      all.map(([x]) => x),
      spec.x.at ? null : 0,
    );
  // Lines decide the height; a wide band is cut at the edge, not the lines made flat.
  const heights = [...all.map(([, y]) => y), ...edges, ...(spec.references || []).map((r) => r.y)];
  const ys = extent(heights, ...(spec.y.domain || [spec.y.floor]));
  const pad = spec.x.at ? (xs[1] - xs[0]) * 0.04 : 0;
  const sx = scale([xs[0] - pad, xs[1] + pad], [box.left, box.right]);
  const sy = scale(ys, [box.bottom, box.top]);
  const root = svg("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    tabindex: 0,
    "aria-label": `${spec.title}. Arrow keys read the values; the table below has them all.`,
  });
  root.append(axes(spec, xs, ys, sx, sy, box, width));
  root.append(references(spec.references || [], sy, box));
  const clip = `clip-${(clips += 1)}`;
  root.append(
    svg(
      "clipPath",
      { id: clip },
      svg("rect", {
        x: box.left,
        y: box.top,
        width: box.right - box.left,
        height: box.bottom - box.top,
      }),
    ),
  );
  series.forEach((one, k) => {
    const shift = one.bars ? (k - (series.length - 1) / 2) * 7 : 0; // methods stand side by side
    root.append(drawSeries(one, (x) => sx(x) + shift, sy, clip));
  });
  root.append(cursor(spec, series, sx, sy, box, root, readout));
  return root;
}

function drawSeries(one, sx, sy, clip) {
  const group = svg("g", { class: "series", "data-series": one.name });
  if (one.band && one.band.length && !one.bars) {
    const above = one.band.map(([x, , high]) => [x, high]);
    const below = one.band.map(([x, low]) => [x, low]).reverse();
    group.append(
      svg("path", {
        d: `${line([...above, ...below], sx, sy)}z`,
        fill: one.colour,
        class: "band",
        "clip-path": `url(#${clip})`,
      }),
    );
  }
  for (const seed of one.seeds || []) {
    if (one.bars) {
      for (const [x, y] of seed.points)
        group.append(svg("circle", { cx: sx(x), cy: sy(y), r: 3, stroke: one.colour, class: "dot" }));
    } else {
      group.append(svg("path", { d: line(seed.points, sx, sy), stroke: one.colour, class: "seed" }));
    }
  }
  if (one.bars) {
    for (const [x, low, high] of one.band || []) {
      if (low === null || high === null) continue;
      group.append(
        svg("path", {
          d: `M${sx(x)} ${sy(low)}V${sy(high)}M${sx(x) - 4} ${sy(low)}h8M${sx(x) - 4} ${sy(high)}h8`,
          stroke: one.colour,
          class: "whisker",
        }),
      );
    }
  }
  group.append(
    svg("path", {
      d: line(one.points, sx, sy),
      stroke: one.colour,
      "stroke-dasharray": one.dash,
      class: "mean",
    }),
  );
  const marked = one.bars ? one.points : one.points.slice(-1);
  for (const [x, y] of marked)
    group.append(mark(one.mark, sx(x), sy(y), 4, { fill: one.colour, stroke: one.colour }));
  return group;
}

/** The vertical line that follows the pointer or the arrow keys, and the values under it. */
function cursor(spec, series, sx, sy, box, root, readout) {
  const xs = [...new Set(series.flatMap((s) => s.points.map(([x]) => x)))].sort((a, b) => a - b);
  const guide = svg("g", { class: "cursor", visibility: "hidden" });
  let at = -1;
  const show = (index) => {
    if (!xs.length) return;
    at = Math.max(0, Math.min(xs.length - 1, index));
    const x = xs[at];
    guide.replaceChildren(svg("path", { d: `M${sx(x)} ${box.top}V${box.bottom}` }));
    const values = [];
    for (const one of series) {
      const nearest = one.points.reduce(
        (best, point) => (!best || Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best),
        null,
      );
      if (!nearest) continue;
      guide.append(svg("circle", { cx: sx(nearest[0]), cy: sy(nearest[1]), r: 4, fill: one.colour }));
      values.push(`${one.name} ${formatted(nearest[1], spec.y.format)}`);
    }
    guide.setAttribute("visibility", "visible");
    put(readout, `${spec.x.label} ${formatted(x, spec.x.format)}: ${values.join(", ")}`);
  };
  const hide = () => {
    guide.setAttribute("visibility", "hidden");
    put(readout);
  };
  root.addEventListener("pointermove", (event) => {
    const x = event.clientX - root.getBoundingClientRect().left;
    let best = 0;
    xs.forEach((value, i) => {
      if (Math.abs(sx(value) - x) < Math.abs(sx(xs[best]) - x)) best = i;
    });
    show(best);
  });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    const move = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: xs.length - 1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(move);
  });
  return guide;
}

/** All values of a plot, for those who read rather than look. */
function asTable(spec) {
  const box = el("details", { class: "values" }, el("summary", {}, "The values as a table"));
  box.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("table")) return;
    const rows = spec.series.flatMap((one) =>
      one.points.map(([x, y], i) => {
        const around = one.band && one.band[i] ? interval(one.band[i][1], one.band[i][2], spec.y.format) : "";
        return el(
          "tr",
          {},
          el("td", {}, one.name),
          el("td", {}, formatted(x, spec.x.format)),
          el("td", {}, formatted(y, spec.y.format)),
          el("td", {}, around),
        );
      }),
    );
    const heads = ["line", spec.x.label, spec.y.label, "95% interval"];
    box.append(
      el(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Values" },
        el(
          "table",
          {},
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              heads.map((head) => el("th", { scope: "col" }, head)),
            ),
          ),
          el("tbody", {}, rows),
        ),
      ),
    );
  });
  return box;
}
