// A turn as a reader sees it: what every agent saw and said, and the strip of all turns.

/** A strip with a cell a turn: where reward came, and where an action was not understood. */
function timeline(replay) {
  const cells = replay.turns.map((turn, t) => {
    const invalid = turn.agents.filter((act) => act && act.invalid).length;
    const marks = [turn.reward > 0 ? "good" : turn.reward < 0 ? "bad" : "", invalid ? "odd" : ""].join(" ");
    const words = [
      `turn ${t + 1}`,
      turn.reward ? `reward ${number(turn.reward)}` : "",
      invalid ? `${invalid} invalid` : "",
    ];
    return el("span", {
      class: `tick-cell ${marks}`,
      title: words.filter(Boolean).join(", "),
      onclick: () => step(t + 1),
    });
  });
  return el("div", { class: "timeline", id: "timeline", "aria-hidden": "true" }, cells);
}

function ending(replay, turn) {
  const how = replay.success === true ? "won" : replay.success === false ? "not won" : "the end";
  return turn.end === "truncated" ? `${how}, cut off` : how;
}

function startCards(replay) {
  return replay.agents.map((agent) =>
    el(
      "article",
      { class: "card" },
      el("h4", {}, agent.name, el("small", {}, " is told")),
      el("pre", { class: "seen" }, agent.instructions || "(no instructions)"),
    ),
  );
}

function turnCards(replay, turn) {
  return turn.agents.map((act, i) =>
    el(
      "article",
      { class: act && act.invalid ? "card invalid" : "card" },
      el("h4", {}, replay.agents[i].name, act ? turnBadges(act) : el("small", {}, " has left")),
      act
        ? [
            el("pre", { class: "seen" }, act.observation),
            el("pre", { class: "said" }, act.action || "(nothing)"),
            act.notice ? el("p", { class: "notice" }, act.notice) : null,
          ]
        : null,
    ),
  );
}

function turnBadges(act) {
  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  return [
    act.invalid ? el("span", { class: "badge bad" }, "invalid") : null,
    act.value !== undefined
      ? el(
          "span",
          { class: "badge", title: "the critic's value before the action" },
          `value ${number(act.value)}`,
        )
      : null,
    act.advantage !== undefined
      ? el(
          "span",
          { class: `badge ${act.advantage < 0 ? "minus" : "plus"}`, title: "credit for the action" },
          `advantage ${signed(act.advantage)}`,
        )
      : null,
  ];
}

function wholeTranscript(replay) {
  return el(
    "ol",
    { class: "transcript" },
    replay.turns.map((turn, t) =>
      el(
        "li",
        { id: `said-${t + 1}` },
        el(
          "button",
          {
            type: "button",
            class: "chip",
            onclick: () => {
              step(t + 1);
              byId("viewer").scrollIntoView();
            },
          },
          `turn ${t + 1}`,
        ),
        turn.reward ? ` reward ${number(turn.reward)}` : "",
        el("div", { class: "says" }, turnCards(replay, turn)),
      ),
    ),
  );
}
