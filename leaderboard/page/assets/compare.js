// A metric by method, and by the number of agents.

/**
 * A section about one metric that the reader chooses: the choice, what the metric means, and a
 * plot an entry. section: {id, title, state: {metric}, entries: [{groups, ...}], empty: text or
 * element, plot(entry, metric)}
 */
function metricSection(box, { id, title, state, entries, empty, plot }) {
  put(box, el("h2", { id: `${id}-title` }, title));
  const has = (entry, metric) => entry.groups.some((group) => group.numbers[metric.id]);
  const metrics = data.metrics.filter((metric) => entries.some((entry) => has(entry, metric)));
  if (!metrics.length) return void box.append(empty);
  if (!metrics.some((metric) => metric.id === state.metric)) state.metric = metrics[0].id;
  const metric = metricsById.get(state.metric);
  const draw = () => metricSection(box, { id, title, state, entries, empty, plot });
  const choices = metrics.map((one) => [one.id, one.title]);
  const choose = select(`${id}-metric`, "Metric", choices, state.metric, (value) => {
    state.metric = value;
    draw();
    byId(`${id}-metric`).focus();
  });
  box.append(
    el("div", { class: "controls" }, choose),
    el("p", { class: "lead" }, metric.help, betterText(metric)),
  );
  const drawn = entries.filter((entry) => has(entry, metric));
  perSetting(box, drawn, (entry) => plot(entry, metric));
}

const betterText = (metric) =>
  metric.better === "high" ? " Higher is better." : metric.better === "low" ? " Lower is better." : "";

// -- a metric by method

const compareState = { metric: null };

function drawCompare(box) {
  metricSection(box, {
    id: "compare",
    title: "Every seed, every metric",
    state: compareState,
    entries: visibleSettings(),
    empty: nothing(),
    plot: comparePlot,
  });
}

function comparePlot({ setting, groups }, metric) {
  return rowChart({
    title: setting.title,
    note: null,
    format: metric.format,
    domain: metric.domain,
    references: (setting.lines[metric.lines] || []).map(([name, at]) => ({ name, x: at })),
    rows: groups
      .filter((group) => group.numbers[metric.id])
      .map((group) => ({
        ...group.numbers[metric.id],
        name: group.method,
        note: seedNote(group),
        look: look(group.method),
      })),
  });
}

// -- more agents

const scalingState = { metric: null };

function drawScaling(box) {
  const families = new Map();
  for (const group of visible()) {
    if (!families.has(group.family)) families.set(group.family, []);
    families.get(group.family).push(group);
  }
  const none = "No method of those shown was run with several numbers of agents, all else equal.";
  metricSection(box, {
    id: "scaling",
    title: "More agents",
    state: scalingState,
    entries: [...families]
      .map(([family, groups]) => ({ family, groups: severalSizes(groups) }))
      .filter(({ groups }) => groups.length),
    empty: el("p", { class: "note" }, none),
    plot: ({ family, groups }, metric) => scalingPlot(family, groups, metric),
  });
}

/** Groups of those methods that were run with more than one number of agents. */
const severalSizes = (groups) =>
  groups.filter((group) =>
    groups.some((other) => other.method === group.method && other.agents !== group.agents),
  );

function scalingPlot(family, groups, metric) {
  const there = groups.filter(
    (group) => group.numbers[metric.id] && group.numbers[metric.id].mean !== null,
  );
  const at = [...new Set(there.map((group) => group.agents))].sort((a, b) => a - b);
  const names = [...new Set(there.map((group) => group.method))];
  const series = names.map((name) => {
    const line = there.filter((group) => group.method === name).sort((a, b) => a.agents - b.agents);
    const of = (group) => group.numbers[metric.id];
    return {
      name,
      ...look(name),
      bars: true,
      note: `n = ${line.map((group) => group.seeds.length).join(", ")}`,
      points: line.map((group) => [group.agents, of(group).mean]),
      band: line.map((group) => [group.agents, of(group).low, of(group).high]),
      seeds: line.map((group) => ({
        points: of(group)
          .seeds.filter((value) => value !== null)
          .map((value) => [group.agents, value]),
      })),
    };
  });
  return lineChart({
    title: family,
    note: null,
    x: { label: "agents", format: "count", at, domain: [at[0], at.at(-1)] },
    y: { label: metric.title, format: metric.format, domain: metric.domain, floor: 0 },
    references: [],
    series,
  });
}
