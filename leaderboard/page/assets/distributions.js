// Comparisons of whole distributions: profiles, probabilities of improvement, sample ratios.

const profileState = { bands: false };

function drawMore(box) {
  const entries = visibleSettings().filter(({ groups }) => groups.some((group) => group.profile));
  const aggregates = visibleAggregates();
  put(box, el("h2", { id: "more-title" }, "Beyond the mean"));
  if (!entries.length)
    return void box.append(
      el("p", { class: "note" }, "The runs shown have no normalized scores to compare."),
    );
  if (aggregates.length) box.append(aggregateTable(aggregates));
  box.append(
    el(
      "p",
      { class: "lead" },
      "Profiles: the share of runs whose held-out score is above each value; a line ",
      "that is higher everywhere is better. Ratios of samples below 1 say that the first method needs fewer.",
    ),
    el(
      "div",
      { class: "controls" },
      bandsButton("profile-bands", profileState, () => drawMore(box)),
    ),
  );
  perSetting(box, entries, ({ setting, groups }) =>
    el(
      "div",
      { class: "stack" },
      profilePlot(
        setting,
        groups.filter((group) => group.profile),
      ),
      pairsTable(setting, groups),
    ),
  );
}

function profilePlot(setting, groups) {
  const at = data.profile_scores;
  const series = groups.map((group) => {
    const { shares, low, high } = group.profile;
    return {
      name: group.method,
      note: seedNote(group),
      ...look(group.method),
      points: at.map((x, i) => [x, shares[i]]),
      band: profileState.bands && low ? at.map((x, i) => [x, low[i], high[i]]) : [],
    };
  });
  return lineChart({
    title: setting.title,
    note: null,
    x: { label: "held-out score", format: "number", domain: [at[0], at.at(-1)] },
    y: { label: "share of runs above", format: "share", domain: [0, 1] },
    references: [],
    series,
  });
}

function pairsTable(setting, groups) {
  const shown = new Map(groups.map((group) => [group.id, group.method]));
  const rows = data.pairs.filter((pair) => shown.has(pair.a) && shown.has(pair.b));
  if (!rows.length) return null;
  const heads = [
    "pair",
    "difference",
    "p",
    "probability of improvement",
    ...data.thresholds.flatMap((at) => [`episodes to ${at}, ratio`, "p"]),
  ];
  const improvement = (estimate) => (estimate ? estimateText(estimate, "share") : MISSING);
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": `Pairs of methods, ${setting.title}` },
    el(
      "table",
      { class: "plain pairs" },
      el("caption", {}, `${setting.title}: pair by pair`),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((text) => el("th", { scope: "col" }, text)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((pair) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, `${shown.get(pair.a)} over ${shown.get(pair.b)}`),
            el("td", {}, pair.difference ? estimateText(pair.difference, "number") : MISSING),
            el("td", {}, testText(pair.difference)),
            el("td", {}, improvement(pair.probability_of_improvement)),
            data.thresholds.flatMap((at) => [
              el("td", {}, ratioText(pair.sample_ratio[at])),
              el("td", {}, testText(pair.sample_ratio[at])),
            ]),
          ),
        ),
      ),
    ),
  );
}

const estimateText = (estimate, format) => [
  formatted(estimate.value, format),
  " ",
  el("span", { class: "interval" }, interval(estimate.low, estimate.high, format)),
];

/** A ratio of samples up to the budget, and how many runs got there where not all did. */
function ratioText(ratio) {
  if (!ratio) return MISSING;
  if (!ratio.reached.some((count) => count)) return "none got there";
  const got = ratio.reached.map((count, i) => `${count}/${ratio.n[i]}`);
  const all = ratio.reached.every((count, i) => count === ratio.n[i]);
  return [...estimateText(ratio, "number"), all ? "" : ` ${got.join(" and ")} got there`];
}

/** A p corrected for the number of pairs, or that so few runs cannot decide. */
function testText(test) {
  if (!test || test.p_holm === null) return MISSING;
  if (test.smallest_p > 1 - data.level) return "n too small";
  return test.p_holm < 0.001 ? "< 0.001" : test.p_holm.toFixed(3);
}

/** Methods over several settings, if the filters leave all of them in sight. */
function visibleAggregates() {
  const shown = new Set(visible().map((group) => `${group.setting} ${group.method}`));
  return data.aggregates.filter((row) =>
    row.settings.every((setting) => shown.has(`${setting} ${row.method}`)),
  );
}

function aggregateTable(rows) {
  return el(
    "div",
    {},
    el("h3", {}, "Over several settings"),
    sortable({
      id: "aggregates",
      caption: "Normalized scores of all runs of a method, resampled within settings",
      rows,
      key: (row) => `${row.env} ${row.method}`,
      sort: { column: "iqm", descending: true },
      columns: [
        { id: "method", title: "Method", value: (row) => row.method },
        { id: "env", title: "Environment", value: (row) => row.env || "all" },
        { id: "settings", title: "Settings", numeric: true, value: (row) => row.settings.length },
        { id: "n", title: "Runs", numeric: true, value: (row) => row.n },
        ...data.aggregate_titles.map(({ id, title }) => ({
          id,
          title,
          numeric: true,
          descending: id !== "optimality_gap",
          value: (row) => row[id].value,
          cell: (row) =>
            el(
              "span",
              { class: "measure" },
              el("span", { class: "mean" }, number(row[id].value)),
              el("span", { class: "interval" }, interval(row[id].low, row[id].high, "number")),
            ),
        })),
      ],
    }),
  );
}
