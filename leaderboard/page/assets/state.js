// The page's state: the data, the filters, and the functions to call when filters change.

const data = JSON.parse(byId("data").textContent);
const settingsById = new Map(data.settings.map((setting) => [setting.id, setting]));
const metricsById = new Map(data.metrics.map((metric) => [metric.id, metric]));

/** The filters: [key, title, value of a group]. */
const FILTERS = [
  ["env", "Environment", (group) => group.env],
  ["agents", "Agents", (group) => String(group.agents)],
  ["model", "Model size", (group) => group.model_title],
  ["algo", "Algorithm", (group) => group.algo],
];

/** Chosen values by filter; an empty set lets everything through. */
const chosen = Object.fromEntries(FILTERS.map(([key]) => [key, new Set()]));
const listeners = [];

/** Call `draw` now and after every change of the filters. */
function onFilter(draw) {
  listeners.push(draw);
  draw();
}

function filtersChanged() {
  writeAddress();
  for (const draw of listeners) draw();
}

/** Groups that pass the filters; `but` names a filter to ignore. */
function visible(but = null) {
  return data.groups.filter((group) =>
    FILTERS.every(([key, , value]) => key === but || !chosen[key].size || chosen[key].has(value(group))),
  );
}

/** Settings of the visible groups, each with those groups. */
function visibleSettings() {
  const groups = visible();
  return data.settings
    .map((setting) => ({ setting, groups: groups.filter((group) => group.setting === setting.id) }))
    .filter((entry) => entry.groups.length);
}

// -- one look for each method, wherever it appears

/** {colour, dash, mark} of a method, as in the report's figures: in print and for the
 * colour-blind dashes and marks tell them apart. */
const look = (method) => data.looks[method];

// -- the address: filters and the replay that is open can be sent to somebody

const address = new URLSearchParams(location.hash.slice(1));

function readFilters() {
  for (const [key, , value] of FILTERS) {
    const there = new Set(data.groups.map(value));
    for (const wanted of address.getAll(key)) if (there.has(wanted)) chosen[key].add(wanted);
  }
}

function writeAddress(changes = {}) {
  for (const [key] of FILTERS) {
    address.delete(key);
    for (const value of chosen[key]) address.append(key, value);
  }
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) address.delete(key);
    else address.set(key, value);
  }
  const text = address.toString();
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  } catch {
    // Some browsers limit the changes a minute; the next change writes the address.
  }
}

/** Groups in the order in which a filter's values should stand. */
function sizes(key) {
  const by = { agents: (group) => group.agents, model: (group) => group.size ?? Infinity }[key];
  return by ? [...data.groups].sort((a, b) => by(a) - by(b) || 0) : data.groups;
}

/** The bar of filters: chips for every value that a group has. */
function drawFilters(box) {
  const rows = FILTERS.map(([key, title, value]) => {
    const order = [...new Set(sizes(key).map(value))];
    const here = new Set(visible(key).map(value));
    const chips = order.map((one) =>
      toggle(
        one,
        chosen[key].has(one),
        () => {
          if (!chosen[key].delete(one)) chosen[key].add(one);
          filtersChanged();
          byId(`filter-${key}-${order.indexOf(one)}`).focus();
        },
        { id: `filter-${key}-${order.indexOf(one)}`, class: here.has(one) ? "chip" : "chip faint" },
      ),
    );
    const all = toggle(
      "all",
      !chosen[key].size,
      () => {
        chosen[key].clear();
        filtersChanged();
        byId(`filter-${key}-all`).focus();
      },
      { id: `filter-${key}-all` },
    );
    return el(
      "div",
      { class: "filter", role: "group", "aria-label": title },
      el("span", { class: "filter-title" }, title),
      all,
      chips,
    );
  });
  const shown = visible();
  const runs = shown.reduce((sum, group) => sum + group.seeds.length, 0);
  const count = el(
    "p",
    { class: "count", role: "status" },
    `${plural(shown.length, "group")}, ${plural(runs, "run")} shown`,
  );
  put(box, rows, count);
}

/** Shown where no group passes the filters. */
function nothing() {
  return el(
    "p",
    { class: "note" },
    "No runs pass these filters. ",
    el(
      "button",
      {
        type: "button",
        class: "chip",
        onclick: () => {
          for (const [key] of FILTERS) chosen[key].clear();
          filtersChanged();
        },
      },
      "Show all runs",
    ),
  );
}
