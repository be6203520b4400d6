// The map of the strategy game: a lane a front, from the camp along the road to the fort.

const LANE = 74;

function siegeFrame(frame) {
  const map = responsive(el("div", { class: "canvas map" }), (width) => siegeMap(frame, width));
  const forts = frame.fronts.filter((front) => front.wall === 0).length;
  const end = frame.won
    ? el("span", { class: "badge good" }, "victory")
    : frame.over
      ? el("span", { class: "badge bad" }, "defeat")
      : null;
  return el(
    "div",
    {},
    el(
      "p",
      { class: "headline" },
      el("span", {}, `day ${frame.day} of ${frame.days}`),
      wagons(frame),
      el("span", {}, `${forts} of ${plural(frame.fronts.length, "fort")} fallen`),
      end,
    ),
    map,
    siegeKey(),
    frame.text
      ? el(
          "details",
          { class: "values" },
          el("summary", {}, "The map as text"),
          el("pre", { class: "picture", tabindex: 0 }, frame.text),
        )
      : null,
  );
}

function wagons(frame) {
  const shown = Math.max(0, Math.min(20, frame.supply));
  const root = svg("svg", {
    width: Math.max(1, shown * 13),
    height: 14,
    viewBox: `0 0 ${Math.max(1, shown * 13)} 14`,
    "aria-hidden": "true",
  });
  for (let k = 0; k < shown; k += 1) root.append(wagon(k * 13, 2));
  return el("span", { class: "wagons" }, `supply ${frame.supply} `, root);
}

const wagon = (x, y) =>
  svg(
    "g",
    { class: "wagon" },
    svg("rect", { x: x + 1, y, width: 10, height: 6, rx: 1 }),
    svg("circle", { cx: x + 3.5, cy: y + 8.5, r: 2 }),
    svg("circle", { cx: x + 8.5, cy: y + 8.5, r: 2 }),
  );

function siegeMap(frame, width) {
  const height = frame.fronts.length * LANE + 8;
  const root = svg("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Map. ${frame.text || ""}`,
  });
  root.append(
    svg(
      "defs",
      {},
      svg(
        "pattern",
        { id: "fog", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("path", { d: "M0 0V6", class: "fog-line" }),
      ),
    ),
  );
  const longest = Math.max(...frame.fronts.map((front) => front.length));
  const highest = Math.max(...frame.fronts.map((front) => front.height));
  const keep = highest * 13 + 86; // the widest fort, its keep and a reserve
  const wide = width - keep > 420; // room for what came of the orders beside the forts
  const place = { camp: 30, start: 52, words: wide ? width - 176 : width, right: width - 4, wide };
  place.cell = Math.min(90, (place.words - keep - 52 - 26) / Math.max(1, longest));
  place.fort = place.start + longest * place.cell + 26;
  const middle = height / 2;
  root.append(
    svg(
      "g",
      { class: "camp" },
      frame.fronts.map((front, i) => {
        const y = i * LANE + 40;
        return svg("path", {
          d: `M${place.camp - 12} ${middle}C${place.camp + 6} ${middle} ${place.camp - 6} ${y} ${place.start} ${y}`,
          class: "trail",
        });
      }),
      svg("path", { d: `M${place.camp - 24} ${middle + 10}l12 -22l12 22z`, class: "tent" }),
    ),
  );
  frame.fronts.forEach((front, i) => root.append(lane(front, i, place)));
  return root;
}

function lane(front, i, place) {
  const y = i * LANE + 40;
  const done = front.length - front.road.length;
  const at = (k) => place.start + k * place.cell;
  const gate = at(front.length);
  const group = svg("g", { class: "lane" });
  if (i) group.append(svg("path", { d: `M${place.start} ${i * LANE + 4}H${place.right}`, class: "grid" }));
  group.append(
    svg("text", { x: place.start, y: y - 22, class: "name" }, `front ${i + 1}`),
    place.wide
      ? svg("text", { x: place.words + 6, y: y + 4, class: "label" }, orderText(front))
      : svg("text", { x: place.right, y: y - 22, class: "tick end" }, orderText(front)),
    svg("path", { d: `M${at(0)} ${y}H${at(done)}`, class: "road done" }),
    svg("path", { d: `M${at(done)} ${y}H${gate}`, class: "road" }),
    svg("path", { d: `M${gate} ${y}H${place.fort - 8}`, class: "road thin" }),
  );
  for (let k = 1; k <= front.length; k += 1)
    group.append(svg("circle", { cx: at(k), cy: y, r: 4, class: k <= done ? "cell done" : "cell" }));
  front.road.forEach((ambush, k) => {
    if (ambush)
      group.append(
        svg(
          "g",
          { class: "ambush" },
          svg("title", {}, "ambush"),
          svg("path", { d: `M${at(done + k + 1) - 9} ${y + 8}l9 -17l9 17z` }),
          svg("text", { x: at(done + k + 1), y: y + 5, class: "middle" }, "!"),
        ),
      );
  });
  group.append(banner(at(done), y, front), fort(place.fort, y, front));
  return group;
}

function orderText(front) {
  if (front.order === null && front.result === "start") return "";
  return front.order === null
    ? `(not understood) \u2192 ${front.result}`
    : `${front.order} \u2192 ${front.result}`;
}

/** Our army: a banner with the number of its troops. */
function banner(x, y, front) {
  return svg(
    "g",
    { class: "army" },
    svg("title", {}, `army of ${front.army}`),
    svg("path", { d: `M${x} ${y + 4}V${y - 18}`, class: "pole" }),
    svg("path", { d: `M${x} ${y - 18}h20l-4 7l4 7h-20z` }),
    svg("text", { x: x + 8, y: y - 7, class: "middle" }, front.army),
  );
}

/** The fort: wall segments, the keep with its garrison or our flag, the reserve, and the fog. */
function fort(x, y, front) {
  const group = svg("g", { class: "fort" });
  for (let k = 0; k < front.height; k += 1) {
    const stands = k < front.wall;
    group.append(
      svg("rect", {
        x: x + k * 13,
        y: stands ? y - 14 : y + 6,
        width: 10,
        height: stands ? 26 : 6,
        class: stands ? "wall" : "rubble",
      }),
    );
  }
  const keep = x + front.height * 13 + 2;
  group.append(svg("path", { d: `M${keep} ${y + 12}v-22h5v4h5v-4h6v4h5v-4h5v22z`, class: "keep" }));
  if (front.wall === 0) {
    group.append(
      svg(
        "g",
        { class: "flag" },
        svg("title", {}, "fallen"),
        svg("path", { d: `M${keep + 13} ${y - 10}v-12`, class: "pole" }),
        svg("path", { d: `M${keep + 13} ${y - 22}l14 5l-14 5z` }),
      ),
    );
  } else {
    group.append(svg("text", { x: keep + 13, y: y + 8, class: "middle garrison" }, front.garrison));
    if (!front.scouted && front.road.length) {
      group.append(
        svg(
          "rect",
          { x: x - 4, y: y - 18, width: front.height * 13 + 34, height: 34, class: "fog" },
          svg("title", {}, "in the fog: its commander has not seen it"),
        ),
      );
    }
  }
  if (front.reserve) {
    group.append(
      svg(
        "g",
        { class: "reserve" },
        svg("title", {}, "an enemy reserve stands here"),
        svg("circle", { cx: keep + 44, cy: y, r: 10 }),
        svg("text", { x: keep + 44, y: y + 4, class: "middle" }, "R"),
      ),
    );
  }
  return group;
}

function siegeKey() {
  const item = (draw, text) =>
    el(
      "li",
      {},
      svg("svg", { width: 30, height: 26, viewBox: "0 0 30 26", class: "map", "aria-hidden": "true" }, draw),
      text,
    );
  return el(
    "ul",
    { class: "map-key" },
    item(banner(5, 20, { army: "3" }), "army, troops"),
    item(
      svg(
        "g",
        { class: "ambush" },
        svg("path", { d: "M5 21l9 -17l9 17z" }),
        svg("text", { x: 14, y: 18, class: "middle" }, "!"),
      ),
      "ambush",
    ),
    item(
      [
        svg("rect", { x: 4, y: 2, width: 9, height: 22, class: "wall" }),
        svg("rect", { x: 17, y: 18, width: 9, height: 6, class: "rubble" }),
      ],
      "wall, broken wall",
    ),
    item(
      svg(
        "g",
        { class: "fort" },
        svg("path", { d: "M2 24v-20h5v4h5v-4h6v4h5v-4h5v20z", class: "keep" }),
        svg("text", { x: 15, y: 21, class: "middle garrison" }, "2"),
      ),
      "garrison",
    ),
    item(
      svg(
        "g",
        { class: "reserve" },
        svg("circle", { cx: 15, cy: 13, r: 10 }),
        svg("text", { x: 15, y: 17, class: "middle" }, "R"),
      ),
      "enemy reserve",
    ),
    item(svg("rect", { x: 2, y: 2, width: 26, height: 22, class: "fog" }), "unseen by its commander"),
  );
}
