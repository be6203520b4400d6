// Learning curves, and the functions that all sections of plots share.

const SHOWN = 6; // plots of settings before "show more"

/** A section of plots, one a setting, the first few at once. */
function perSetting(box, entries, draw) {
  let count = SHOWN;
  const grid = el("div", { class: "grid" });
  const more = el("p");
  const fillGrid = () => {
    put(grid, entries.slice(0, count).map(draw));
    put(
      more,
      entries.length > count
        ? el(
            "button",
            {
              type: "button",
              class: "chip",
              onclick: () => {
                count += SHOWN;
                fillGrid();
              },
            },
            `Show ${Math.min(SHOWN, entries.length - count)} more of ${entries.length}`,
          )
        : null,
    );
  };
  fillGrid();
  box.append(grid, more);
}

const seedNote = (group) => `n = ${group.seeds.length}${group.seeds.length < 5 ? " (few)" : ""}`;

// -- learning curves

const curveState = { x: "episodes", y: null, bands: true };

function drawCurves(box) {
  const entries = visibleSettings();
  const has = (group, y, x) => group.curves[y] && group.curves.x[x];
  const kinds = data.curves.y.filter((y) =>
    entries.some((e) => e.groups.some((group) => group.curves[y.id])),
  );
  put(box, el("h2", { id: "curves-title" }, "Learning curves"));
  if (!kinds.length) return void box.append(nothing());
  if (!kinds.some((y) => y.id === curveState.y)) curveState.y = kinds[0].id;
  const again = (key, id) => (value) => {
    curveState[key] = value;
    drawCurves(box);
    byId(id).focus();
  };
  box.append(
    el(
      "p",
      { class: "lead" },
      "Smoothed over the last 320 training episodes. The strong line is the mean over seeds, the band ",
      "its 95% interval, each thin line a seed. Press a name to hide its line.",
    ),
    el(
      "div",
      { class: "controls" },
      select(
        "curve-y",
        "y axis",
        kinds.map((y) => [y.id, y.title]),
        curveState.y,
        again("y", "curve-y"),
      ),
      select(
        "curve-x",
        "x axis",
        data.curves.x.map((x) => [x.id, x.title]),
        curveState.x,
        again("x", "curve-x"),
      ),
      bandsButton("curve-bands", curveState, () => drawCurves(box)),
    ),
  );
  const drawn = entries.filter(({ groups }) =>
    groups.some((group) => has(group, curveState.y, curveState.x)),
  );
  if (!drawn.length) box.append(el("p", { class: "note" }, "None of the runs shown recorded this."));
  perSetting(box, drawn, ({ setting, groups }) =>
    curvePlot(
      setting,
      groups.filter((group) => has(group, curveState.y, curveState.x)),
      kinds,
    ),
  );
}

/** Intervals on or off: with many methods bands hide each other. */
function bandsButton(id, state, redraw) {
  return toggle(
    "intervals",
    state.bands,
    () => {
      state.bands = !state.bands;
      redraw();
      byId(id).focus();
    },
    { id },
  );
}

function curvePlot(setting, groups, kinds) {
  const y = kinds.find((one) => one.id === curveState.y);
  const x = data.curves.x.find((one) => one.id === curveState.x);
  const series = groups.map((group) => {
    const curve = group.curves[y.id];
    const along = group.curves.x[x.id];
    return {
      name: group.method,
      note: seedNote(group),
      ...look(group.method),
      points: along.map((at, i) => [at, curve.mean[i]]),
      band: curveState.bands && curve.low ? along.map((at, i) => [at, curve.low[i], curve.high[i]]) : [],
      seeds: curve.seeds.map((values, k) => ({
        seed: group.seeds[k],
        points: along.map((at, i) => [at, values[i]]),
      })),
    };
  });
  return lineChart({
    title: setting.title,
    note: null,
    x: { label: x.title, format: x.format },
    y: { label: y.title, format: y.format, domain: y.domain },
    references: setting.lines[y.id].map(([name, at]) => ({ name, y: at })),
    series,
  });
}
