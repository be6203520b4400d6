// A metric by method, and by the number of agents.

// -- a metric by method

const compareState = { metric: null };

function drawCompare(box) {
  put(box, el("h2", { id: "compare-title" }, "Every seed, every metric"));
  const entries = visibleSettings();
  const metrics = data.metrics.filter((m) => entries.some((e) => e.groups.some((g) => g.numbers[m.id])));
  if (!metrics.length) return void box.append(nothing());
  if (!metrics.some((m) => m.id === compareState.metric)) compareState.metric = metrics[0].id;
  const metric = metricsById.get(compareState.metric);
  box.append(
    el(
      "div",
      { class: "controls" },
      select(
        "compare-metric",
        "Metric",
        metrics.map((m) => [m.id, m.title]),
        compareState.metric,
        (value) => {
          compareState.metric = value;
          drawCompare(box);
          byId("compare-metric").focus();
        },
      ),
    ),
    el("p", { class: "lead" }, metric.help, betterText(metric)),
  );
  const drawn = entries.filter((entry) => entry.groups.some((group) => group.numbers[metric.id]));
  perSetting(box, drawn, ({ setting, groups }) =>
    rowChart({
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
    }),
  );
}

const betterText = (metric) =>
  metric.better === "high" ? " Higher is better." : metric.better === "low" ? " Lower is better." : "";

// -- more agents

const scalingState = { metric: null };

function drawScaling(box) {
  put(box, el("h2", { id: "scaling-title" }, "More agents"));
  const families = new Map();
  for (const group of visible()) {
    if (!families.has(group.family)) families.set(group.family, []);
    families.get(group.family).push(group);
  }
  const scaled = [...families]
    .map(([family, groups]) => [family, severalSizes(groups)])
    .filter(([, groups]) => groups.length);
  if (!scaled.length) {
    return void box.append(
      el(
        "p",
        { class: "note" },
        "No method of those shown was run with several numbers of agents, all else equal.",
      ),
    );
  }
  const metrics = data.metrics.filter((m) =>
    scaled.some(([, groups]) => groups.some((g) => g.numbers[m.id])),
  );
  if (!metrics.some((m) => m.id === scalingState.metric)) scalingState.metric = metrics[0].id;
  const metric = metricsById.get(scalingState.metric);
  box.append(
    el(
      "div",
      { class: "controls" },
      select(
        "scaling-metric",
        "Metric",
        metrics.map((m) => [m.id, m.title]),
        scalingState.metric,
        (value) => {
          scalingState.metric = value;
          drawScaling(box);
          byId("scaling-metric").focus();
        },
      ),
    ),
    el("p", { class: "lead" }, metric.help, betterText(metric)),
  );
  perSetting(box, scaled, ([family, groups]) => scalingPlot(family, groups, metric));
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
    const own = there.filter((group) => group.method === name).sort((a, b) => a.agents - b.agents);
    const of = (group) => group.numbers[metric.id];
    return {
      name,
      ...look(name),
      bars: true,
      note: `n = ${own.map((group) => group.seeds.length).join(", ")}`,
      points: own.map((group) => [group.agents, of(group).mean]),
      band: own.map((group) => [group.agents, of(group).low, of(group).high]),
      seeds: own.map((group) => ({
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
