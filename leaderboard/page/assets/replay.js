// The replay viewer: steps through an episode turn by turn. Position 0 is the start; at position p
// stands what was seen and said in turn p, and what it led to.

const viewer = { group: null, index: null, at: 0, replay: null, timer: null, speed: 1 };
const TEAMS = {
  trained: "trained team",
  training: "in training",
  untrained: "untrained model",
  scripted: "scripted expert",
  random: "random team",
};

/** A replay's data, unpacked when it is first looked at. */
async function unpack(entry) {
  const packed = Uint8Array.from(atob(entry.gz), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function drawReplays(box) {
  const there = new Set(visible().map((group) => group.id));
  const groups = data.groups.filter(
    (group) => there.has(group.id) && data.replays.some((entry) => entry.group === group.id),
  );
  put(box, el("h2", { id: "replays-title" }, "Replays"));
  stop();
  if (!groups.length) {
    box.append(
      el(
        "p",
        { class: "note" },
        data.replays.length
          ? "None of the runs that pass the filters has a replay on this page."
          : "These runs recorded no replays: runs keep them as replays/*.json in their folders.",
      ),
    );
    return;
  }
  if (!groups.some((group) => group.id === viewer.group)) [viewer.group, viewer.index] = [groups[0].id, null];
  const entries = data.replays
    .map((entry, i) => [i, entry])
    .filter(([, entry]) => entry.group === viewer.group);
  if (!entries.some(([i]) => i === viewer.index)) viewer.index = entries[0][0];
  box.append(
    el(
      "p",
      { class: "lead" },
      "Episodes as they were played. Arrow keys step, space plays. ",
      data.replay_note,
    ),
    el(
      "div",
      { class: "controls" },
      select(
        "replay-group",
        "Method",
        groups.map((group) => [group.id, `${group.method} · ${settingsById.get(group.setting).title}`]),
        viewer.group,
        (value) => open({ group: value, index: null }, "replay-group"),
      ),
      select("replay-episode", "Episode", bySeed(entries), viewer.index, (value) =>
        open({ group: viewer.group, index: Number(value) }, "replay-episode"),
      ),
    ),
    el("div", { id: "viewer", class: "viewer", tabindex: -1, onkeydown: keys }),
  );
  load();
}

/** The episodes of a group, those of a seed together. */
function bySeed(entries) {
  const seeds = new Map();
  for (const [i, entry] of entries) {
    const label = `seed ${entry.seed}`;
    if (!seeds.has(label)) seeds.set(label, []);
    seeds.get(label).push([i, episodeTitle(entry)]);
  }
  return [...seeds].map(([label, options]) => ({ label, options }));
}

function episodeTitle(entry) {
  const how =
    entry.success === true ? "won" : entry.success === false ? "not won" : `return ${number(entry.return)}`;
  return `${TEAMS[entry.team] || entry.team}, ${entry.title}: ${how}, ${plural(entry.turns, "turn")}`;
}

/** Show another episode, and keep the focus where it was. */
function open(which, focus) {
  Object.assign(viewer, which, { at: 0, replay: null });
  drawReplays(byId("replays"));
  if (focus) byId(focus).focus();
}

/** From elsewhere on the page: the episodes of a group. */
function watch(group) {
  open({ group, index: null });
  byId("replays").scrollIntoView();
  byId("replay-episode").focus({ preventScroll: true });
}

async function load() {
  const { index } = viewer;
  const box = byId("viewer");
  if (!viewer.replay) {
    put(box, el("p", { class: "note" }, "Opening…"));
    try {
      const replay = await unpack(data.replays[index]);
      if (viewer.index !== index || !byId("viewer")) return; // somebody has chosen another one
      viewer.replay = replay;
    } catch (error) {
      put(
        byId("viewer"),
        el("p", { class: "note warn" }, `This replay cannot be unpacked here (${error.message}).`),
      );
      return;
    }
  }
  layOut(byId("viewer"));
  step(viewer.at);
}

// -- layout: made once an episode; step() fills it

function layOut(box) {
  const { replay } = viewer;
  const last = replay.turns.length;
  const button = (id, text, label, onclick) =>
    el("button", { type: "button", class: "chip", id, "aria-label": label, title: label, onclick }, text);
  put(
    box,
    el(
      "div",
      { class: "transport", role: "group", "aria-label": "Step through the episode" },
      button("first", "|\u25c0", "First turn", () => step(0)),
      button("previous", "\u25c0", "Previous turn", () => step(viewer.at - 1)),
      button("play", "\u25b6 Play", "Play", () => (viewer.timer ? stop() : play())),
      button("next", "\u25b6", "Next turn", () => step(viewer.at + 1)),
      button("last", "\u25b6|", "Last turn", () => step(last)),
      el(
        "label",
        { class: "slider" },
        el("span", { class: "hidden" }, "Turn"),
        el("input", {
          type: "range",
          id: "turn",
          min: 0,
          max: last,
          step: 1,
          value: 0,
          oninput: (event) => step(Number(event.target.value)),
        }),
      ),
      el("span", { id: "turn-text", class: "turn-text", role: "status" }),
      select(
        "speed",
        "Speed",
        [
          [0.5, "½×"],
          [1, "1×"],
          [2, "2×"],
          [4, "4×"],
        ],
        viewer.speed,
        (value) => {
          viewer.speed = Number(value);
          if (viewer.timer) play();
        },
      ),
    ),
    timeline(replay),
    el(
      "div",
      { class: replay.frames.length ? "stage two" : "stage" },
      replay.frames.length ? el("div", { class: "frame-box", id: "frame" }) : null,
      el("div", { class: "says", id: "says" }),
    ),
    el(
      "details",
      {
        class: "values",
        ontoggle: (event) => {
          if (event.target.open && !event.target.querySelector("li"))
            event.target.append(wholeTranscript(replay));
        },
      },
      el("summary", {}, "The whole transcript"),
    ),
  );
}

function step(wanted) {
  const { replay } = viewer;
  if (!replay) return;
  const last = replay.turns.length;
  const at = (viewer.at = Math.max(0, Math.min(last, wanted)));
  byId("turn").value = at;
  byId("turn").setAttribute("aria-valuetext", at ? `turn ${at} of ${last}` : "start");
  for (const [id, off] of [
    ["first", at === 0],
    ["previous", at === 0],
    ["next", at === last],
    ["last", at === last],
  ]) {
    if (off && document.activeElement === byId(id)) byId("play").focus();
    byId(id).disabled = off;
  }
  const turn = at ? replay.turns[at - 1] : null;
  put(
    byId("turn-text"),
    at ? `turn ${at} of ${last}` : `start of ${plural(last, "turn")}`,
    turn && turn.reward ? `, reward ${number(turn.reward)}` : "",
    turn && at === last ? `, ${ending(replay, turn)}` : "",
  );
  [...byId("timeline").children].forEach((cell, t) => cell.classList.toggle("here", t + 1 === at));
  if (byId("frame")) put(byId("frame"), drawFrame(replay.frames[at], replay));
  put(byId("says"), turn ? turnCards(replay, turn) : startCards(replay));
  if (at === last) stop();
  writeAddress({ replay: data.replays[viewer.index].id, turn: at || null });
}

// -- playing

function play() {
  stop();
  if (viewer.at === viewer.replay.turns.length) step(0);
  viewer.timer = setInterval(() => step(viewer.at + 1), 1000 / viewer.speed);
  playText("\u2016 Pause", "Pause");
}

function stop() {
  clearInterval(viewer.timer);
  viewer.timer = null;
  playText("\u25b6 Play", "Play");
}

function playText(text, label) {
  const button = byId("play");
  if (!button) return;
  put(button, text);
  button.setAttribute("aria-label", label);
  button.setAttribute("title", label);
}

function keys(event) {
  if (event.target.matches("select, input, pre") || event.altKey || event.ctrlKey || event.metaKey) return;
  const moves = { ArrowRight: viewer.at + 1, ArrowLeft: viewer.at - 1, Home: 0, End: Infinity };
  if (event.key in moves) {
    event.preventDefault();
    stop();
    step(moves[event.key]);
  } else if (event.key === " " && !event.target.matches("button, summary")) {
    event.preventDefault();
    viewer.timer ? stop() : play();
  }
}
