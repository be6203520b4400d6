// A measure: method beside method, and against the number of agents.

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
    el(
      "div",
      { class: "controls" },
      select(
        "compare-measure",
        "Measure",
        measures.map((m) => [m.id, m.title]),
        compareState.measure,
        (value) => {
          compareState.measure = value;
          drawCompare(box);
          byId("compare-measure").focus();
        },
      ),
    ),
    el("p", { class: "lead" }, measure.help, betterText(measure)),
  );
  const drawn = entries.filter((entry) => entry.groups.some((group) => group.numbers[measure.id]));
  perSetting(box, drawn, ({ setting, groups }) =>
    rowChart({
      title: setting.title,
      note: null,
      format: measure.format,
      domain: measure.domain,
      references: (setting.lines[measure.lines] || []).map(([name, at]) => ({ name, x: at })),
      rows: groups
        .filter((group) => group.numbers[measure.id])
        .map((group) => ({
          ...group.numbers[measure.id],
          name: group.method,
          note: seedNote(group),
          look: look(group.method),
        })),
    }),
  );
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
  const measures = data.measures.filter((m) =>
    scaled.some(([, groups]) => groups.some((g) => g.numbers[m.id])),
  );
  if (!measures.some((m) => m.id === scalingState.measure)) scalingState.measure = measures[0].id;
  const measure = measuresById.get(scalingState.measure);
  box.append(
    el(
      "div",
      { class: "controls" },
      select(
        "scaling-measure",
        "Measure",
        measures.map((m) => [m.id, m.title]),
        scalingState.measure,
        (value) => {
          scalingState.measure = value;
          drawScaling(box);
          byId("scaling-measure").focus();
        },
      ),
    ),
    el("p", { class: "lead" }, measure.help, betterText(measure)),
  );
  perSetting(box, scaled, ([family, groups]) => scalingPlot(family, groups, measure));
}

/** Groups of those methods that were run with more than one number of agents. */
const severalSizes = (groups) =>
  groups.filter((group) =>
    groups.some((other) => other.method === group.method && other.agents !== group.agents),
  );

function scalingPlot(family, groups, measure) {
  const there = groups.filter(
    (group) => group.numbers[measure.id] && group.numbers[measure.id].mean !== null,
  );
  const at = [...new Set(there.map((group) => group.agents))].sort((a, b) => a - b);
  const names = [...new Set(there.map((group) => group.method))];
  const series = names.map((name) => {
    const own = there.filter((group) => group.method === name).sort((a, b) => a.agents - b.agents);
    const of = (group) => group.numbers[measure.id];
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
    y: { label: measure.title, format: measure.format, domain: measure.domain, floor: 0 },
    references: [],
    series,
  });
}
