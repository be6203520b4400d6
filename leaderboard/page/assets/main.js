// Puts the page together.

const THEMES = ["auto", "light", "dark"];

function theme() {
  const button = byId("theme");
  const stored = () => {
    try {
      return localStorage.getItem("colllm-theme");
    } catch {
      return null; // a browser without storage for local files
    }
  };
  let now = THEMES.includes(stored()) ? stored() : "auto";
  const show = () => {
    if (now === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", now);
    put(button, `Colours: ${now}`);
  };
  button.addEventListener("click", () => {
    now = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    try {
      localStorage.setItem("colllm-theme", now);
    } catch {
      // shown, but not remembered
    }
    show();
  });
  show();
}

function drawReading(box) {
  put(
    box,
    el("h2", { id: "reading-title" }, "How to read this"),
    el(
      "dl",
      { class: "reading" },
      data.reading.map(([title, text]) => [el("dt", {}, title), el("dd", {}, text)]),
    ),
  );
}

function drawExcluded(box) {
  put(box, el("h2", { id: "excluded-title" }, "Excluded"));
  if (!data.excluded.length) {
    box.append(el("p", { class: "note" }, "Nothing: every run folder is part of the results."));
    return;
  }
  box.append(
    el("p", { class: "lead" }, "Run folders that are excluded from the results."),
    sortable({
      id: "excluded-table",
      caption: "Excluded run folders, and why",
      rows: data.excluded,
      key: (row) => row.path,
      sort: { column: "path", descending: false },
      columns: [
        { id: "path", title: "Folder", value: (row) => row.path, cell: (row) => el("code", {}, row.path) },
        { id: "kind", title: "Kind", value: (row) => row.kind },
        { id: "reason", title: "Why", value: (row) => row.reason },
      ],
    }),
  );
}

/** The address may name the replay to open and its turn. */
function readReplay() {
  const index = data.replays.findIndex((entry) => entry.id === address.get("replay"));
  if (index < 0) return;
  Object.assign(viewer, { group: data.replays[index].group, index, at: Number(address.get("turn")) || 0 });
}

function start() {
  const links = [
    ...(data.suites.length ? [["suite", "Suite"]] : []),
    ["board", "Leaderboard"],
    ["curves", "Curves"],
    ["compare", "Metrics"],
    ["scaling", "Agents"],
    ["more", "Profiles"],
    ["replays", "Replays"],
    ["reading", "How to read"],
    ["excluded", "Excluded"],
  ];
  put(
    byId("sections"),
    links.map(([id, text]) =>
      el(
        "a",
        {
          href: `#${id}`,
          onclick: (event) => {
            event.preventDefault(); // the address holds filters and replay, not sections
            byId(id).scrollIntoView();
            byId(id).querySelector("h2").setAttribute("tabindex", "-1");
            byId(id).querySelector("h2").focus({ preventScroll: true });
          },
        },
        text,
      ),
    ),
  );
  const runs = data.groups.reduce((sum, group) => sum + group.seeds.length, 0);
  put(
    byId("about"),
    `${plural(runs, "run")} in ${plural(data.groups.length, "group")}, read from files alone`,
  );
  put(
    byId("foot"),
    el(
      "p",
      {},
      `Made by colllm_bench ${data.version}. Colours: Okabe and Ito (2008). `,
      "This page loads nothing from anywhere.",
    ),
  );
  theme();
  readFilters();
  readReplay();
  for (const [id, draw] of [
    ["filters", drawFilters],
    ["board", drawBoard],
    ["curves", drawCurves],
    ["compare", drawCompare],
    ["scaling", drawScaling],
    ["more", drawMore],
    ["replays", drawReplays],
  ]) {
    onFilter(() => draw(byId(id)));
  }
  drawSuites(byId("suite"));
  drawReading(byId("reading"));
  drawExcluded(byId("excluded"));
}

start();
