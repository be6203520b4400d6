// What a spectator sees of an episode, by the frame's kind: text, documents, the siege map. Kinds
// not known here are shown by their text, or as they are.

function drawFrame(frame, replay) {
  if (!frame) return null;
  const known = { siege: siegeFrame, parts: partsFrame, writing: writingFrame }[frame.kind];
  if (known) {
    try {
      return known(frame, replay);
    } catch (error) {
      return el(
        "div",
        {},
        el("p", { class: "note warn" }, `This frame cannot be drawn (${error.message}).`),
        plainFrame(frame),
      );
    }
  }
  return plainFrame(frame);
}

function plainFrame(frame) {
  const text = typeof frame.text === "string" ? frame.text : JSON.stringify(frame, null, 2);
  return el("pre", { class: "picture", tabindex: 0 }, text);
}

/** Documents side by side: functions with their verdicts, sections of a story. */
function partsFrame(frame) {
  const colour = (part) => (part.ok === true ? "badge good" : part.ok === false ? "badge bad" : "badge");
  return el(
    "div",
    {},
    frame.headline ? el("p", { class: "headline" }, frame.headline) : null,
    el(
      "div",
      { class: "parts" },
      frame.parts.map((part) =>
        el(
          "article",
          { class: "card part" },
          el(
            "h4",
            {},
            part.title || "",
            part.status ? el("span", { class: colour(part) }, part.status) : null,
          ),
          el("pre", { class: part.code ? "code" : "prose", tabindex: part.code ? 0 : null }, part.text || ""),
          part.notes && part.notes.length
            ? el(
                "ul",
                {},
                part.notes.map((note) => el("li", {}, note)),
              )
            : null,
        ),
      ),
    ),
  );
}

/** A text by several hands: the task, a section an agent, and the components of the score. */
function writingFrame(frame) {
  const marks = (score) =>
    Object.entries(score || {})
      .map(([name, value]) => `${name} ${number(value)}`)
      .join(", ");
  return el(
    "div",
    {},
    el(
      "p",
      { class: "headline" },
      `${frame.task}, draft ${frame.draft} of ${frame.drafts}`,
      frame.score && "quality" in frame.score
        ? el("span", { class: "badge" }, `quality ${number(frame.score.quality)}`)
        : null,
    ),
    frame.about
      ? el(
          "details",
          { class: "values" },
          el("summary", {}, "What to write"),
          el("pre", { class: "prose" }, frame.about),
        )
      : null,
    partsFrame({
      parts: frame.sections.map((section, i) => ({
        title: `${i + 1}: ${section.part}`,
        text: section.text || "(nothing)",
        notes: section.text ? [marks(section.own)] : [],
        status: section.invalid ? "invalid" : null,
        ok: section.invalid ? false : null,
      })),
    }),
    el("p", { class: "marks" }, `All of it: ${marks(frame.score)}`),
  );
}
