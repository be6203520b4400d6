// A metric of several methods, a row each: the mean, its interval, and every seed as a dot.

/**
 * spec: {title, note, format, domain, references: [{name, x}],
 * rows: [{name, note, mean, low, high, seeds: [number|null], censored: [bool], look}]}
 */
function rowChart(spec) {
  const canvas = responsive(el("div", { class: "canvas" }), (width) => drawRows(spec, width));
  return el(
    "figure",
    { class: "plot" },
    el("figcaption", {}, el("strong", {}, spec.title), spec.note ? el("span", {}, spec.note) : null),
    canvas,
  );
}

const ROW = 46;

function drawRows(spec, width) {
  const left = 12,
    right = width - 14;
  const values = spec.rows.flatMap((row) => [row.mean, row.low, row.high, ...row.seeds]);
  const references = (spec.references || []).filter((r) => r.x !== null && r.x !== undefined);
  const domain = extent([...values, ...references.map((r) => r.x)], ...(spec.domain || []));
  const pad = (domain[1] - domain[0]) * 0.03;
  const sx = scale([domain[0] - pad, domain[1] + pad], [left, right]);
  const named = flags(references, sx, width);
  const top = 6 + 14 * Math.max(1, ...named.map((flag) => flag.row + 1));
  const bottom = top + spec.rows.length * ROW;
  const height = bottom + 34;
  const root = svg("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `${spec.title}: ${spec.rows.map((row) => `${row.name} ${cell(row, spec.format)}`).join("; ")}`,
  });
  for (const x of ticks(domain[0], domain[1], Math.max(2, Math.floor(width / 90)))) {
    root.append(
      svg("path", { d: `M${sx(x)} ${top}V${bottom}`, class: "grid" }),
      svg("text", { x: sx(x), y: bottom + 18, class: "tick middle" }, axisText(x, spec.format)),
    );
  }
  for (const { name, x, end, row } of named) {
    root.append(
      svg("path", { d: `M${x} ${row * 14 + 4}V${bottom}`, class: "reference" }),
      svg("text", { x: x + (end ? -4 : 4), y: 14 * row + 13, class: end ? "label end" : "label" }, name),
    );
  }
  spec.rows.forEach((row, i) => root.append(drawRow(row, spec.format, top + i * ROW, sx, left, right)));
  return root;
}

/** Where the names of references stand: beside their line, in as many rows as they need. */
function flags(references, sx, width) {
  const free = []; // of each row, where it is free from
  return references
    .map(({ name, x }) => ({ name, x: sx(x) }))
    .sort((a, b) => a.x - b.x)
    .map((flag) => {
      const length = textWidth(flag.name);
      const end = flag.x + length + 8 > width;
      const from = end ? flag.x - length - 6 : flag.x;
      let row = free.findIndex((at) => at <= from);
      if (row < 0) row = free.length;
      free[row] = from + length + 10;
      return { ...flag, end, row };
    });
}

const textWidth = (text) => text.length * 6.6;

const cell = (row, format) =>
  [
    bounded(row, format),
    row.low === null || row.low === undefined ? "" : `(${interval(row.low, row.high, format)})`,
  ]
    .filter(Boolean)
    .join(" ");

function drawRow(row, format, y, sx, left, right) {
  const middle = y + 30;
  const { colour, mark: shape } = row.look;
  const group = svg("g", { class: "row" });
  const value = cell(row, format);
  const room = Math.floor((right - left - 6 * value.length - 6 * (row.note || "").length - 20) / 7.2);
  const name = row.name.length > room ? `${row.name.slice(0, Math.max(3, room - 1))}…` : row.name;
  group.append(
    svg(
      "text",
      { x: left, y: y + 14, class: "name" },
      svg("title", {}, row.name),
      name,
      row.note ? svg("tspan", { class: "small", dx: 6 }, row.note) : null,
    ),
    svg("text", { x: right, y: y + 14, class: "tick end" }, value),
  );
  if (row.low !== null && row.high !== null && row.low !== undefined) {
    const [low, high] = [Math.max(left, sx(row.low)), Math.min(right, sx(row.high))];
    group.append(
      svg("path", {
        d: `M${low} ${middle}H${high}M${low} ${middle - 5}v10M${high} ${middle - 5}v10`,
        stroke: colour,
        class: "whisker",
      }),
    );
  }
  row.seeds.forEach((value, i) => {
    if (value === null) return;
    const x = sx(value);
    if (row.censored && row.censored[i]) {
      group.append(svg("path", { d: `M${x - 5} ${middle - 4}l6 4l-6 4`, stroke: colour, class: "beyond" }));
    } else {
      group.append(svg("circle", { cx: x, cy: middle, r: 4, stroke: colour, class: "dot" }));
    }
  });
  if (row.mean !== null)
    group.append(mark(shape, sx(row.mean), middle, 5, { fill: colour, stroke: colour, class: "centre" }));
  return group;
}

/** A small strip of a measure for a table's cell: interval and seeds on a fixed axis. */
function strip(estimate, domain, colour) {
  const width = 120,
    height = 16;
  const sx = scale(domain, [5, width - 5]);
  const inside = (x) => Math.max(2, Math.min(width - 2, x));
  const root = svg("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    class: "strip",
    "aria-hidden": "true",
  });
  root.append(svg("path", { d: `M5 8H${width - 5}`, class: "grid" }));
  for (const edge of domain) root.append(svg("path", { d: `M${sx(edge)} 4v8`, class: "axis" }));
  if (estimate.low !== null && estimate.high !== null) {
    root.append(
      svg("path", {
        d: `M${inside(sx(estimate.low))} 8H${inside(sx(estimate.high))}`,
        stroke: colour,
        class: "whisker",
      }),
    );
  }
  for (const value of estimate.seeds) {
    if (value !== null)
      root.append(svg("circle", { cx: inside(sx(value)), cy: 8, r: 2.6, stroke: colour, class: "dot" }));
  }
  if (estimate.mean !== null)
    root.append(svg("path", { d: `M${inside(sx(estimate.mean))} 2v12`, stroke: colour, class: "centre" }));
  return root;
}
