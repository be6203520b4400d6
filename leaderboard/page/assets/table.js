// A table that can be sorted by every column: by its heads, and on a phone, where rows become
// cards and there are no heads, by a list.

/**
 * spec: {id, caption, columns: [{id, title, help, numeric, descending, value(row), cell(row)}],
 * rows, key(row), detail(row) -> node (opens under the row), sort: {column, descending}}
 */
function sortable(spec) {
  const state = { ...spec.sort };
  const open = new Set();
  const box = el("div", { class: "sortable" });
  const column = () => spec.columns.find((one) => one.id === state.column);
  const by = (id) => {
    if (state.column === id) state.descending = !state.descending;
    else {
      state.column = id;
      state.descending = Boolean(spec.columns.find((one) => one.id === id).descending);
    }
    draw();
  };
  const draw = () => {
    const rows = sorted(spec.rows, column(), state.descending);
    put(
      box,
      picker(spec, state, by),
      el(
        "div",
        { class: "frame" },
        el(
          "table",
          { class: "cards", id: spec.id },
          el("caption", {}, spec.caption),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              spec.columns.map((one) =>
                head(one, state, () => {
                  by(one.id);
                  box.querySelector(`th[data-column="${one.id}"] button`).focus();
                }),
              ),
              spec.detail ? el("th", { scope: "col" }, el("span", { class: "hidden" }, "Details")) : null,
            ),
          ),
          el(
            "tbody",
            {},
            rows.map((row) => bodyRows(spec, row, open)),
          ),
        ),
      ),
    );
  };
  draw();
  return box;
}

/** Rows by a column; equal ones keep their order, and rows without a value come last. */
function sorted(rows, column, descending) {
  const keyed = rows.map((row, i) => ({ row, i, value: column.value(row) }));
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  keyed.sort((a, b) => {
    if (missing(a.value) || missing(b.value)) return missing(a.value) - missing(b.value) || a.i - b.i;
    const order = typeof a.value === "string" ? a.value.localeCompare(b.value) : a.value - b.value;
    return (descending ? -order : order) || a.i - b.i;
  });
  return keyed.map((one) => one.row);
}

function head(column, state, onclick) {
  const here = state.column === column.id;
  const arrow = here ? (state.descending ? "\u25be" : "\u25b4") : "\u2195";
  return el(
    "th",
    {
      scope: "col",
      "data-column": column.id,
      class: column.numeric ? "numeric" : null,
      "aria-sort": here ? (state.descending ? "descending" : "ascending") : "none",
    },
    el(
      "button",
      { type: "button", onclick, title: column.help || null },
      column.title,
      el("span", { class: here ? "arrow here" : "arrow", "aria-hidden": "true" }, arrow),
    ),
  );
}

/** Sorting without heads. */
function picker(spec, state, by) {
  const id = `${spec.id}-sort`;
  const options = spec.columns.map((one) => [one.id, one.title]);
  const choose = select(id, "Sort by", options, state.column, (value) => {
    by(value);
    byId(id).focus();
  });
  const turn = el(
    "button",
    {
      type: "button",
      class: "chip",
      id: `${id}-turn`,
      onclick: () => {
        by(state.column);
        byId(`${id}-turn`).focus();
      },
    },
    state.descending ? "highest first" : "lowest first",
  );
  return el("div", { class: "phone-sort" }, choose, turn);
}

function bodyRows(spec, row, open) {
  const key = spec.key(row);
  const cells = spec.columns.map((column, i) =>
    el(
      i ? "td" : "th",
      { scope: i ? null : "row", "data-title": column.title, class: column.numeric ? "numeric" : null },
      el("span", {}, column.cell ? column.cell(row) : column.value(row)),
    ),
  );
  if (!spec.detail) return el("tr", { "data-key": key }, cells);
  const id = `${spec.id}-more-${spec.rows.indexOf(row)}`;
  const under = el(
    "tr",
    { class: "detail", id, hidden: !open.has(key) },
    el("td", { colspan: spec.columns.length + 1 }, open.has(key) ? spec.detail(row) : null),
  );
  const button = el(
    "button",
    {
      type: "button",
      class: "chip",
      "aria-expanded": open.has(key) ? "true" : "false",
      "aria-controls": id,
      onclick: () => {
        const now = !open.delete(key);
        if (now) open.add(key);
        under.hidden = !now;
        button.setAttribute("aria-expanded", String(now));
        if (now) put(under.firstChild, spec.detail(row));
      },
    },
    "Details",
  );
  return [el("tr", { "data-key": key }, cells, el("td", { class: "action" }, button)), under];
}
