// Suites: verdicts of one algorithm against another, task by task. Shown first, where there are any.

const suiteState = { pair: {} };

function drawSuites(box) {
  if (!data.suites.length) {
    box.hidden = true;
    return;
  }
  put(
    box,
    el("h2", { id: "suite-title" }, "Suite"),
    el("p", { class: "lead" }, data.suite_reading),
    data.suites.map((suite) => drawSuite(el("div", {}), suite)),
  );
}

function drawSuite(box, suite) {
  const pairs = suite.comparisons.map((one, i) => [String(i), `${one.ours} against ${one.theirs}`]);
  const chosen = suiteState.pair[suite.suite] ?? "0";
  const pair = suite.comparisons[Number(chosen)];
  const id = `suite-${suite.suite}-pair`;
  const choose = select(id, "Compare", pairs, chosen, (value) => {
    suiteState.pair[suite.suite] = value;
    drawSuite(box, suite);
    byId(id).focus();
  });
  return put(
    box,
    el("h3", {}, `${suite.title} (${suite.suite}, digest ${suite.digest})`),
    pairs.length ? [choose, effortLine(pair), verdictTable(pair)] : null,
    el("h4", {}, "Held-out score of every algorithm"),
    suiteScores(suite),
  );
}

function effortLine(pair) {
  const [ours, theirs] = pair.effort;
  const unequal = ours === theirs ? "" : " Unequal effort: read the verdicts with that in mind.";
  return el("p", { class: "note" }, `Settings: ${pair.ours} has ${ours}, ${pair.theirs} ${theirs}.${unequal}`);
}

function plainTable(label, heads, rows) {
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el(
        "tbody",
        {},
        rows.map(([first, ...rest]) =>
          el("tr", {}, el("th", { scope: "row" }, first), rest.map((cell) => el("td", {}, cell))),
        ),
      ),
    ),
  );
}

const withInterval = (value, low, high) => [formatted(value, "number"), " ", around(low, high)];
const around = (low, high) =>
  low === null ? "" : el("span", { class: "interval" }, `(${interval(low, high, "number")})`);
const words = (text) => el("div", { class: "words" }, text);

function verdictTable(pair) {
  const rows = pair.tasks.map((row) => [
    row.task,
    row.n.join(" / "),
    withInterval(row.score.difference, row.score.low, row.score.high),
    row.score.effect === null ? MISSING : number(row.score.effect),
    row.score.p === null ? MISSING : number(row.score.p),
    words(el("strong", {}, row.score.verdict)),
    withInterval(row.samples.ratio, row.samples.low, row.samples.high),
    row.samples.p === null ? MISSING : number(row.samples.p),
    words(el("strong", {}, row.samples.verdict)),
  ]);
  const all = pair.overall;
  if (all) {
    const counted = (verdicts) =>
      Object.entries(verdicts)
        .filter(([, count]) => count)
        .map(([word, count]) => `${count} ${word}`)
        .join(", ");
    rows.push([
      "mean over tasks",
      "",
      withInterval(all.difference, all.low, all.high),
      "",
      "",
      words(counted(all.verdicts.score)),
      withInterval(all.ratio, all.ratio_low, all.ratio_high),
      "",
      words(counted(all.verdicts.samples)),
    ]);
  }
  const heads = [
    "Task", "Runs", "Score: difference (95%)", "Effect (g)", "p", "Verdict on score",
    "Samples: ratio (95%)", "p", "Verdict on samples",
  ];
  return plainTable(`${pair.ours} against ${pair.theirs}`, heads, rows);
}

function suiteScores(suite) {
  const heads = ["Task", "What it isolates", "Untrained", "Clock only", ...suite.algorithms];
  const stated = (value) => (value === null ? MISSING : number(value));
  const rows = suite.tasks.map((task) => [
    task.id,
    words(task.isolates),
    stated(task.stated.untrained),
    stated(task.stated.blind),
    ...suite.algorithms.map((name) => {
      const one = task.algorithms[name];
      return one ? withInterval(one.score.value, one.score.low, one.score.high) : MISSING;
    }),
  ]);
  return plainTable(`Scores of suite ${suite.suite}`, heads, rows);
}
