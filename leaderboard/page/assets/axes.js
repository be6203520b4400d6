// Shared by all plots: scales, marks, axes, reference lines.

const FONT = 12;

/** A linear scale from [d0, d1] to [r0, r1]. */
function scale([d0, d1], [r0, r1]) {
  const span = d1 - d0 || 1;
  return (value) => r0 + ((value - d0) / span) * (r1 - r0);
}

/** A mark around (x, y), told apart by its shape. */
function mark(shape, x, y, size, attributes) {
  const s = size;
  const paths = {
    circle: `M${x - s} ${y}a${s} ${s} 0 1 0 ${2 * s} 0a${s} ${s} 0 1 0 ${-2 * s} 0`,
    square: `M${x - s} ${y - s}h${2 * s}v${2 * s}h${-2 * s}z`,
    diamond: `M${x} ${y - 1.3 * s}L${x + 1.3 * s} ${y}L${x} ${y + 1.3 * s}L${x - 1.3 * s} ${y}z`,
    wedge: `M${x} ${y + 1.2 * s}L${x + 1.2 * s} ${y - s}L${x - 1.2 * s} ${y - s}z`,
    plus: `M${x - s} ${y}H${x + s}M${x} ${y - s}V${y + s}`,
    triangle: `M${x} ${y - 1.2 * s}L${x + 1.2 * s} ${y + s}L${x - 1.2 * s} ${y + s}z`,
    cross: `M${x - s} ${y - s}L${x + s} ${y + s}M${x + s} ${y - s}L${x - s} ${y + s}`,
  };
  return svg("path", { d: paths[shape], ...attributes });
}

const line = (points, sx, sy) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`).join("");

function extent(values, floor = null, ceiling = null) {
  let low = floor ?? Infinity,
    high = ceiling ?? -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  return Number.isFinite(low) ? [low, high] : [0, 1];
}

/** Lines across for teams to compare with; names of lines that lie together share a place. */
function references(lines, sy, box) {
  const group = svg("g", {});
  let above = null;
  for (const { name, y } of [...lines].sort((a, b) => b.y - a.y)) {
    group.append(svg("path", { d: `M${box.left} ${sy(y)}H${box.right}`, class: "reference" }));
    if (above && sy(y) - above.at < FONT + 2) above.text.append(`, ${name}`);
    else {
      above = { at: sy(y), text: svg("text", { x: box.right - 2, y: sy(y) - 4, class: "label end" }, name) };
      group.append(above.text);
    }
  }
  return group;
}

function axes(spec, xs, ys, sx, sy, box, width) {
  const group = svg("g", { class: "axes", "aria-hidden": "true" });
  const across = spec.x.at || ticks(xs[0], xs[1], Math.max(2, Math.floor(width / 90)));
  for (const y of ticks(ys[0], ys[1], 5)) {
    group.append(
      svg("path", { d: `M${box.left} ${sy(y)}H${box.right}`, class: "grid" }),
      svg("text", { x: box.left - 6, y: sy(y) + 4, class: "tick end" }, axisText(y, spec.y.format)),
    );
  }
  for (const x of across) {
    group.append(
      svg("path", { d: `M${sx(x)} ${box.bottom}v5`, class: "axis" }),
      svg("text", { x: sx(x), y: box.bottom + 18, class: "tick middle" }, axisText(x, spec.x.format)),
    );
  }
  group.append(
    svg("path", { d: `M${box.left} ${box.bottom}H${box.right}`, class: "axis" }),
    svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 36, class: "label middle" }, spec.x.label),
    svg(
      "text",
      {
        x: 0,
        y: 0,
        class: "label middle",
        transform: `translate(12 ${(box.top + box.bottom) / 2}) rotate(-90)`,
      },
      spec.y.label,
    ),
  );
  return group;
}

/** Ticks in short: an axis has room for four or five characters. */
function axisText(value, format) {
  return format === "number" ? short(value) : formatted(value, format);
}
