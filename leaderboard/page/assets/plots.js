// The plots of the page, from the groups that pass the filters.

const SHOWN = 6; // plots of settings before "show more"

/** A section of plots, one a setting, the first few at once. */
function perSetting(box, entries, draw) {
  let count = SHOWN;
  const grid = el("div", { class: "grid" });
  const more = el("p");
  const fillGrid = () => {
    put(grid, entries.slice(0, count).map(draw));
    put(more, entries.length > count
      ? el("button", { type: "button", class: "chip", onclick: () => {
        count += SHOWN;
        fillGrid();
      } }, `Show ${Math.min(SHOWN, entries.length - count)} more of ${entries.length}`)
      : null);
  };
  fillGrid();
  box.append(grid, more);
}

const seedNote = (group) =>
  `n = ${group.seeds.length}${group.seeds.length < 5 ? " (few)" : ""}`;

// -- learning curves

const curveState = { x: "episodes", y: null, bands: true };

function drawCurves(box) {
  const entries = visibleSettings();
  const has = (group, y, x) => group.curves[y] && group.curves.x[x];
  const kinds = data.curves.y.filter((y) => entries.some((e) => e.groups.some((group) => group.curves[y.id])));
  put(box, el("h2", { id: "curves-title" }, "Learning curves"));
  if (!kinds.length) return void box.append(nothing());
  if (!kinds.some((y) => y.id === curveState.y)) curveState.y = kinds[0].id;
  const again = (key, id) => (value) => {
    curveState[key] = value;
    drawCurves(box);
    byId(id).focus();
  };
  box.append(
    el("p", { class: "lead" }, "Smoothed over the last 320 training episodes. The strong line is the mean over seeds, the band ",
      "its 95% interval, each thin line a seed. Press a name to hide its line."),
    el("div", { class: "controls" },
      select("curve-y", "Up", kinds.map((y) => [y.id, y.title]), curveState.y, again("y", "curve-y")),
      select("curve-x", "Across", data.curves.x.map((x) => [x.id, x.title]), curveState.x, again("x", "curve-x")),
      bandsButton("curve-bands", curveState, () => drawCurves(box))));
  const drawn = entries.filter(({ groups }) => groups.some((group) => has(group, curveState.y, curveState.x)));
  if (!drawn.length) box.append(el("p", { class: "note" }, "None of the runs shown recorded this."));
  perSetting(box, drawn, ({ setting, groups }) =>
    curvePlot(setting, groups.filter((group) => has(group, curveState.y, curveState.x)), kinds));
}

/** Intervals on or off: with many methods bands hide each other. */
function bandsButton(id, state, redraw) {
  return toggle("intervals", state.bands, () => {
    state.bands = !state.bands;
    redraw();
    byId(id).focus();
  }, { id });
}

function curvePlot(setting, groups, kinds) {
  const y = kinds.find((one) => one.id === curveState.y);
  const x = data.curves.x.find((one) => one.id === curveState.x);
  const series = groups.map((group) => {
    const curve = group.curves[y.id];
    const along = group.curves.x[x.id];
    return {
      name: group.method, note: seedNote(group), ...look(group.method),
      points: along.map((at, i) => [at, curve.mean[i]]),
      band: curveState.bands && curve.low ? along.map((at, i) => [at, curve.low[i], curve.high[i]]) : [],
      seeds: curve.seeds.map((values, k) => ({ seed: group.seeds[k], points: along.map((at, i) => [at, values[i]]) })),
    };
  });
  return lineChart({
    title: setting.title, note: null,
    x: { label: x.title, format: x.format },
    y: { label: y.title, format: y.format, domain: y.domain },
    references: setting.lines[y.id].map(([name, at]) => ({ name, y: at })),
    series,
  });
}

// -- a measure, method beside method

const compareState = { measure: null };

function drawCompare(box) {
  put(box, el("h2", { id: "compare-title" }, "Every seed, every measure"));
  const entries = visibleSettings();
  const measures = data.measures.filter((m) => entries.some((e) => e.groups.some((g) => g.numbers[m.id])));
  if (!measures.length) return void box.append(nothing());
  if (!measures.some((m) => m.id === compareState.measure)) compareState.measure = measures[0].id;
  const measure = measuresById.get(compareState.measure);
  box.append(
    el("div", { class: "controls" },
      select("compare-measure", "Measure", measures.map((m) => [m.id, m.title]), compareState.measure, (value) => {
        compareState.measure = value;
        drawCompare(box);
        byId("compare-measure").focus();
      })),
    el("p", { class: "lead" }, measure.help, betterText(measure)));
  const drawn = entries.filter((entry) => entry.groups.some((group) => group.numbers[measure.id]));
  perSetting(box, drawn, ({ setting, groups }) => rowChart({
    title: setting.title, note: null, format: measure.format, domain: measure.domain,
    references: (setting.lines[measure.lines] || []).map(([name, at]) => ({ name, x: at })),
    rows: groups.filter((group) => group.numbers[measure.id]).map((group) => ({
      ...group.numbers[measure.id], name: group.method, note: seedNote(group), look: look(group.method),
    })),
  }));
}

const betterText = (measure) =>
  measure.better === "high" ? " Higher is better." : measure.better === "low" ? " Lower is better." : "";

// -- more agents

const scalingState = { measure: null };

function drawScaling(box) {
  put(box, el("h2", { id: "scaling-title" }, "More agents"));
  const families = new Map();
  for (const group of visible()) {
    if (!families.has(group.family)) families.set(group.family, []);
    families.get(group.family).push(group);
  }
  const scaled = [...families].map(([family, groups]) => [family, severalSizes(groups)]).filter(([, groups]) => groups.length);
  if (!scaled.length) {
    return void box.append(el("p", { class: "note" },
      "No method of those shown was run with several numbers of agents, all else equal."));
  }
  const measures = data.measures.filter((m) => scaled.some(([, groups]) => groups.some((g) => g.numbers[m.id])));
  if (!measures.some((m) => m.id === scalingState.measure)) scalingState.measure = measures[0].id;
  const measure = measuresById.get(scalingState.measure);
  box.append(
    el("div", { class: "controls" },
      select("scaling-measure", "Measure", measures.map((m) => [m.id, m.title]), scalingState.measure, (value) => {
        scalingState.measure = value;
        drawScaling(box);
        byId("scaling-measure").focus();
      })),
    el("p", { class: "lead" }, measure.help, betterText(measure)));
  perSetting(box, scaled, ([family, groups]) => scalingPlot(family, groups, measure));
}

/** Groups of those methods that were run with more than one number of agents. */
const severalSizes = (groups) => groups.filter((group) =>
  groups.some((other) => other.method === group.method && other.agents !== group.agents));

function scalingPlot(family, groups, measure) {
  const there = groups.filter((group) => group.numbers[measure.id] && group.numbers[measure.id].mean !== null);
  const at = [...new Set(there.map((group) => group.agents))].sort((a, b) => a - b);
  const names = [...new Set(there.map((group) => group.method))];
  const series = names.map((name) => {
    const own = there.filter((group) => group.method === name).sort((a, b) => a.agents - b.agents);
    const of = (group) => group.numbers[measure.id];
    return {
      name, ...look(name), bars: true,
      note: `n = ${own.map((group) => group.seeds.length).join(", ")}`,
      points: own.map((group) => [group.agents, of(group).mean]),
      band: own.map((group) => [group.agents, of(group).low, of(group).high]),
      seeds: own.map((group) => ({
        points: of(group).seeds.filter((value) => value !== null).map((value) => [group.agents, value]),
      })),
    };
  });
  return lineChart({
    title: family, note: null,
    x: { label: "agents", format: "count", at, domain: [at[0], at.at(-1)] },
    y: { label: measure.title, format: measure.format, domain: measure.domain, floor: 0 },
    references: [], series,
  });
}

// -- what compares whole distributions: profiles, probabilities of improvement, ratios

const profileState = { bands: false };

function drawMore(box) {
  const entries = visibleSettings().filter(({ groups }) => groups.some((group) => group.profile));
  const aggregates = visibleAggregates();
  put(box, el("h2", { id: "more-title" }, "Beyond the mean"));
  if (!entries.length) return void box.append(el("p", { class: "note" }, "The runs shown have no normalized scores to compare."));
  if (aggregates.length) box.append(aggregateTable(aggregates));
  box.append(el("p", { class: "lead" }, "Profiles: the share of runs whose held-out score is above each value; a line ",
    "that is higher everywhere is better. Ratios of samples below 1 say that the first method needs fewer."),
    el("div", { class: "controls" }, bandsButton("profile-bands", profileState, () => drawMore(box))));
  perSetting(box, entries, ({ setting, groups }) => el("div", { class: "stack" },
    profilePlot(setting, groups.filter((group) => group.profile)), pairsTable(setting, groups)));
}

function profilePlot(setting, groups) {
  const at = data.profile_scores;
  const series = groups.map((group) => {
    const { shares, low, high } = group.profile;
    return {
      name: group.method, note: seedNote(group), ...look(group.method),
      points: at.map((x, i) => [x, shares[i]]), band: profileState.bands && low ? at.map((x, i) => [x, low[i], high[i]]) : [],
    };
  });
  return lineChart({
    title: setting.title, note: null,
    x: { label: "score", format: "number", domain: [at[0], at.at(-1)] },
    y: { label: "share of runs above", format: "share", domain: [0, 1] },
    references: [], series,
  });
}

function pairsTable(setting, groups) {
  const shown = new Map(groups.map((group) => [group.id, group.method]));
  const rows = data.pairs.filter((pair) => shown.has(pair.a) && shown.has(pair.b));
  if (!rows.length) return null;
  const heads = ["pair", "probability of improvement", ...data.thresholds.map((at) => `episodes to ${at}, ratio`)];
  const improvement = (found) => (found ? estimateText(found, "share") : MISSING);
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Pairs of methods, ${setting.title}` },
    el("table", { class: "plain" }, el("caption", {}, `${setting.title}: pair by pair`),
      el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((pair) => el("tr", {},
        el("th", { scope: "row" }, `${shown.get(pair.a)} over ${shown.get(pair.b)}`),
        el("td", {}, improvement(pair.probability_of_improvement)),
        data.thresholds.map((at) => el("td", {}, ratioText(pair.sample_ratio[at]))))))));
}

const estimateText = (found, format) => [formatted(found.value, format), " ",
  el("span", { class: "interval" }, interval(found.low, found.high, format))];

/** A ratio of samples; where runs are censored only a bound of it is known. */
function ratioText(ratio) {
  if (!ratio) return MISSING;
  if (ratio.bound === "unknown") return "unknown: neither got there in every run";
  const sign = { exact: "", "at least": "\u2265 ", "at most": "\u2264 " }[ratio.bound];
  return [sign, ...estimateText(ratio, "number")];
}

/** Methods over several settings, if the filters leave all of them in sight. */
function visibleAggregates() {
  const shown = new Set(visible().map((group) => `${group.setting} ${group.method}`));
  return data.aggregates.filter((row) => row.settings.every((setting) => shown.has(`${setting} ${row.method}`)));
}

function aggregateTable(rows) {
  return el("div", {}, el("h3", {}, "Over several settings"), sortable({
    id: "aggregates", caption: "Normalized scores of all runs of a method, resampled within settings",
    rows, key: (row) => `${row.env} ${row.method}`, sort: { column: "iqm", descending: true },
    columns: [
      { id: "method", title: "Method", value: (row) => row.method },
      { id: "env", title: "Environment", value: (row) => row.env || "all" },
      { id: "settings", title: "Settings", numeric: true, value: (row) => row.settings.length },
      { id: "n", title: "Runs", numeric: true, value: (row) => row.n },
      ...data.aggregate_titles.map(({ id, title }) => ({
        id, title, numeric: true, descending: id !== "optimality_gap", value: (row) => row[id].value,
        cell: (row) => el("span", { class: "measure" }, el("span", { class: "mean" }, number(row[id].value)),
          el("span", { class: "interval" }, interval(row[id].low, row[id].high, "number"))),
      })),
    ],
  }));
}
