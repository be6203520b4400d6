// The leaderboard: a row a group, and below it every number and how to reproduce it.

const COLUMNS = data.metrics.filter((metric) => metric.column);

function drawBoard(box) {
  const groups = visible();
  put(
    box,
    el("h2", { id: "board-title" }, "Leaderboard"),
    groups.length
      ? [
          el(
            "p",
            { class: "lead" },
            "One row is one configuration, averaged over its seeds; the best of each setting stands first. ",
            "Score 0 is the random team, 1 the scripted expert, on held-out tasks ",
            "(classic: the best blind and the optimal team, whose values are known). ",
            "The small plot has every seed as a dot, the mean as a bar and the 95% interval as a line.",
          ),
          sortable(boardTable(groups)),
          settingNotes(groups),
          groups.some((group) => group.seeds.length < 5)
            ? el(
                "p",
                { class: "note" },
                badge("few", "fewer than five seeds"),
                " Fewer than five seeds: the interval is wide and rests on assumptions. Read the dots.",
              )
            : null,
        ]
      : nothing(),
  );
}

/** Notes to read before comparing the groups of a setting. */
function settingNotes(groups) {
  const shown = new Set(groups.map((group) => group.setting));
  const noted = data.settings.filter((setting) => shown.has(setting.id) && setting.notes.length);
  if (!noted.length) return null;
  return el(
    "details",
    { class: "values" },
    el("summary", {}, `Before you compare: notes on ${plural(noted.length, "setting")}`),
    el(
      "ul",
      { class: "notes" },
      noted.map((setting) => el("li", {}, el("strong", {}, setting.title), ": ", setting.notes.join("; "))),
    ),
  );
}

/** Setting by setting, within each the best first: only groups of one setting compare. */
function ranked(groups) {
  const place = new Map(data.settings.map((setting, i) => [setting.id, i]));
  const value = (group) => (group.numbers[`${group.measure}_mean`] || {}).mean ?? -Infinity;
  return [...groups].sort((a, b) => place.get(a.setting) - place.get(b.setting) || value(b) - value(a));
}

function boardTable(groups) {
  const text = (id, title, value, cellOf) => ({ id, title, value, cell: cellOf });
  return {
    id: "leaderboard",
    caption: "Results by configuration. Press a column's head to sort by it.",
    rows: ranked(groups),
    key: (group) => group.id,
    detail: groupDetail,
    sort: { column: "env", descending: false },
    columns: [
      text(
        "method",
        "Method",
        (group) => group.method,
        (group) => methodCell(group),
      ),
      text("env", "Environment", (group) => group.title),
      { id: "agents", title: "Agents", numeric: true, value: (group) => group.agents },
      { id: "model", title: "Model", value: (group) => group.size ?? 0, cell: modelCell },
      {
        id: "n",
        title: "Seeds",
        numeric: true,
        descending: true,
        value: (group) => group.seeds.length,
        cell: seedsCell,
      },
      ...COLUMNS.map(metricColumn),
    ],
  };
}

const metricColumn = (metric) => ({
  id: metric.id,
  title: metric.title,
  help: metric.help,
  numeric: true,
  descending: metric.better !== "low",
  value: (group) => (group.numbers[metric.id] || {}).mean ?? null,
  cell: (group) => metricCell(group.numbers[metric.id], metric, look(group.method).colour),
});

function methodCell(group) {
  return el("span", { class: "method" }, swatch(look(group.method)), " ", group.method);
}

const badge = (text, title) => el("span", { class: "badge few", title }, text);

function seedsCell(group) {
  const n = group.seeds.length;
  return [String(n), n < 5 ? [" ", badge("few", "fewer than five seeds")] : null];
}

/** "tiny (201 k)", broken before the bracket alone. */
const modelCell = (group) => group.model_title.replace(/ (?=[^(]*\)$)/, "\u00a0");

/** Mean, interval and (for scores) the strip of seeds. */
function metricCell(estimate, metric, colour) {
  if (!estimate) return MISSING;
  const text = bounded(estimate, metric.format);
  const around = interval(estimate.low, estimate.high, metric.format);
  return el(
    "span",
    { class: "measure" },
    el("span", { class: "mean" }, text),
    around ? el("span", { class: "interval" }, around) : null,
    metric.strip ? strip(estimate, metric.domain, colour) : null,
  );
}

/** Everything about a group: all metrics with every seed, and how to reproduce them. */
function groupDetail(group) {
  const rows = data.metrics
    .filter((metric) => group.numbers[metric.id])
    .map((metric) => {
      const estimate = group.numbers[metric.id];
      return el(
        "tr",
        {},
        el("th", { scope: "row", title: metric.help || null }, metric.title),
        el("td", {}, bounded(estimate, metric.format)),
        el("td", {}, interval(estimate.low, estimate.high, metric.format) || MISSING),
        estimate.seeds.map((value, i) => el("td", {}, seedText(estimate, value, i, metric.format))),
      );
    });
  const heads = ["", "mean", "95% interval", ...group.seeds.map((seed) => `seed ${seed}`)];
  return el(
    "div",
    { class: "more" },
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": `All numbers of ${group.method}` },
      el(
        "table",
        { class: "plain" },
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
    provenanceOf(group),
    data.replays.some((one) => one.group === group.id)
      ? el(
          "button",
          { type: "button", class: "chip strong", onclick: () => watch(group.id) },
          "Watch its episodes",
        )
      : null,
  );
}

/** A mean, or what it is at least where no seed got there. */
function bounded(estimate, format) {
  return (estimate.bound ? `${estimate.bound} ` : "") + formatted(estimate.mean, format);
}

function seedText(estimate, value, i, format) {
  if (value === null) return MISSING;
  return estimate.censored && estimate.censored[i] ? `> ${formatted(value, format)}` : formatted(value, format);
}

/** The command, versions and machines of a group's runs. */
function provenanceOf(group) {
  const provenance = group.provenance;
  const lines = [
    ["command", el("code", {}, provenance.command)],
    ["seeds", list(group.seeds)],
    ["digest", el("code", {}, provenance.digest)],
    ["version", provenance.version],
    [
      "commit",
      provenance.commits.length ? provenance.commits.map((commit) => el("code", {}, `${commit} `)) : "not recorded",
    ],
    ["machine", provenance.machines.length ? provenance.machines.join("; ") : "not recorded"],
    ["packages", provenance.packages.join(", ") || "not recorded"],
    [
      "folders",
      el(
        "ul",
        {},
        group.folders.map((folder) => el("li", {}, el("code", {}, folder))),
      ),
    ],
  ];
  return el(
    "div",
    { class: "provenance" },
    el("h3", {}, "How to reproduce it"),
    el(
      "dl",
      {},
      lines.map(([title, value]) => [el("dt", {}, title), el("dd", {}, value)]),
    ),
  );
}
