"""The terminal's screens for a person who plays or watches: renderables for rich, no state.

Text that environments and agents wrote is shown as plain text: it may spell markup of rich or
codes that move the cursor, and neither may take effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from colllm_bench.runs.replays import frame_text

YOU = "bold cyan"
LONGEST_CELL = 24
"""Longest action in the final table, in characters; longer ones are truncated."""
LINES_SHOWN = 16
"""Lines of a long action shown at the end and while watching."""


def plain(text: str, style: str = "") -> Text:
    """Text from elsewhere, without control characters and markup."""
    kept = "".join(c if c.isprintable() or c == "\n" else " " for c in text.expandtabs(4))
    return Text(kept, style=style)


def title(text: str, style: str = "") -> Text:
    """One line over a panel."""
    return plain(" ".join(text.split()), style)


def heading(lines: Sequence[str]) -> Group:
    """The heading of an episode: what is played, and by whom."""
    return Group(*(plain(line, "bold" if k == 0 else "dim")
                   for k, line in enumerate(lines)))


def agent_panel(agent: str, text: str, *, heading: str, style: str = "cyan") -> Panel:
    """A text for ``agent`` in a box with a heading."""
    return Panel(plain(text), title=title(f"{heading} · {agent}"), title_align="left",
                 border_style=style)


def choices(legal: Sequence[str], width: int) -> Text:
    """The legal actions with their numbers, on as few lines of ``width`` as fit."""
    items = [Text.assemble((f"{k} ", "bold cyan"), plain(a)) for k, a in enumerate(legal, 1)]
    lines = [Text(" ")]
    for item in [*items, Text("? help", style="dim")]:
        if lines[-1].cell_len > 1 and lines[-1].cell_len + item.cell_len + 2 > width:
            lines.append(Text(" "))
        lines[-1].append("  " if lines[-1].cell_len > 1 else "").append_text(item)
    return Text("\n").join(lines)


def verdict(replay: dict[str, Any], *, finished: bool = True) -> Text:
    """One line: how it ended, the return, and the environment's own score."""
    turns = len(replay["turns"])
    many = f"{turns} turn{'' if turns == 1 else 's'}"
    if not finished:
        words, style = f"Left after {many}", "yellow"
    else:
        words, style = {
            True: (f"Success after {many}", "bold green"),
            False: (f"No success after {many}", "bold red"),
        }.get(replay.get("success"), (f"Over after {many}", "bold"))
    line = Text(words, style=style)
    numbers = {"return": replay.get("return")} | (replay.get("score") or {})
    parts = [f"{name} {number:.3g}" for name, number in numbers.items()
             if isinstance(number, (int, float))]
    return line.append("   " + "   ".join(parts), style="default not bold")


def turn_screen(
    replay: dict[str, Any], t: int, *, players: Sequence[str] = (), total: int | None = None
) -> RenderableType:
    """Turn ``t`` for a spectator: every agent's observation and action, and the frame after it.

    Args:
        replay: see :mod:`colllm_bench.runs.replays`.
        t: from 0.
        players: who acts for each agent, one label per agent; may be empty.
        total: the episode's length, where it is known.
    """
    turn, names = replay["turns"][t], [agent["name"] for agent in replay["agents"]]
    of = f" of {total}" if total else ""
    head = Text(f"Turn {t + 1}{of}", style="bold")
    if turn["reward"]:
        style = "green" if turn["reward"] > 0 else "red"
        head.append(f"   reward {turn['reward']:+g}", style=style)
    if turn.get("end"):
        head.append(f"   {turn['end']}", style="yellow")
    acting = [(i, entry) for i, entry in enumerate(turn["agents"]) if entry is not None]
    if any(_long(x["action"]) or _long(x["observation"], 160) for _, x in acting):
        body: RenderableType = Group(*(
            _long_turn(names[i], x, players[i] if players else "") for i, x in acting
        ))
    else:
        body = _rows(names, acting, players)
    return Group(head, *frame(replay, t + 1), body)


def start_screen(replay: dict[str, Any]) -> RenderableType:
    """Before the first turn: the first frame."""
    return Group(Text("Start", style="bold"), *frame(replay, 0))


def frame(replay: dict[str, Any], k: int) -> list[RenderableType]:
    """Frame ``k`` of a replay as text; nothing where there is none."""
    frames = replay["frames"]
    if k >= len(frames):
        return []
    # A frame is the environment's own drawing: colours are kept, other codes are not.
    text = Text.from_ansi(frame_text(frames[k]))
    text.plain = plain(text.plain).plain
    return [Padding(text, (1, 0))]


def _long(text: str, most: int = LONGEST_CELL * 2) -> bool:
    return "\n" in text.strip() or len(text) > most


def _rows(
    names: Sequence[str], acting: Sequence[tuple[int, dict]], players: Sequence[str]
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("agent", *(["player"] if players else []), "saw", "did"):
        table.add_column(column, overflow="fold", header_style="dim",
                         no_wrap=column in ("agent", "player"))
    for i, x in acting:
        player = [plain(players[i], "dim")] if players else []
        table.add_row(plain(names[i]), *player, plain(x["observation"]), _action(x))
    return table


def _action(entry: dict[str, Any]) -> Text:
    style = "red" if entry.get("invalid") else "bold"
    text = plain(entry["action"] or "(nothing)", style)
    if entry.get("invalid"):
        text.append("  invalid", style="red")
    return text


def _long_turn(name: str, entry: dict[str, Any], player: str) -> Group:
    """A long turn of one agent: its observation, dimmed, and its action; both truncated."""
    head = Text.assemble((name, "bold"), (f"  {player}" if player else "", "dim"))
    if entry.get("invalid"):
        head.append("  invalid", style="red")
    seen = plain(truncate_lines(entry["observation"]), "dim")
    wrote = plain(truncate_lines(entry["action"]) or "(nothing)")
    return Group(head, Padding(seen, (0, 0, 0, 2)), Padding(wrote, (0, 0, 1, 4)))


def truncate_lines(text: str, lines: int = LINES_SHOWN) -> str:
    """The first lines of a text, and how many more there are."""
    rows = text.rstrip().split("\n")
    if len(rows) <= lines + 1:
        return "\n".join(rows)
    return "\n".join([*rows[:lines], f"... {len(rows) - lines} more lines"])


def actions_summary(replay: dict[str, Any], width: int, mark: Sequence[int] = ()) -> Group:
    """All actions of an episode: a table with a line per turn, or (long actions) text by turn.

    Args:
        replay: see :mod:`colllm_bench.runs.replays`.
        width: of the terminal, in characters; wider tables are split.
        mark: indices of agents to highlight (the person's).
    """
    names = [agent["name"] for agent in replay["agents"]]
    turns = replay["turns"]
    if has_long_actions(replay):
        parts: list[RenderableType] = []
        for t, turn in enumerate(turns):
            parts.append(Text(f"turn {t + 1}", style="bold"))
            parts += [
                _long_turn(names[i], {**x, "observation": ""}, "you" if i in mark else "")
                for i, x in enumerate(turn["agents"]) if x is not None
            ]
        return Group(*parts)
    by_agent = [[turn["agents"][i] for turn in turns] for i in range(len(names))]
    cells = [
        max([len(name), *(len(_short(x)) for x in entries)])
        for name, entries in zip(names, by_agent)
    ]
    return Group(*(
        _actions_table(replay, columns, mark) for columns in _chunks(cells, max(20, width - 16))
    ))


def has_long_actions(replay: dict[str, Any]) -> bool:
    """Whether its actions are texts rather than words."""
    entries = [x for turn in replay["turns"] for x in turn["agents"] if x is not None]
    return any(_long(x["action"]) for x in entries)


def _chunks(cells: Sequence[int], room: int) -> list[list[int]]:
    """Indices of agents, as many per table as fit into ``room`` characters."""
    chunks: list[list[int]] = [[]]
    used = 0
    for i, cell in enumerate(cells):
        if chunks[-1] and used + cell + 2 > room:
            chunks.append([])
            used = 0
        chunks[-1].append(i)
        used += cell + 2
    return chunks


def _actions_table(replay: dict[str, Any], columns: Sequence[int], mark: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("turn", justify="right", header_style="dim")
    for i in columns:
        table.add_column(
            plain(replay["agents"][i]["name"], YOU if i in mark else "dim"), no_wrap=True
        )
    table.add_column("reward", justify="right", header_style="dim")
    for t, turn in enumerate(replay["turns"]):
        row = []
        for i in columns:
            x = turn["agents"][i]
            invalid = bool(x and x.get("invalid"))
            row.append(plain(_short(x), "red" if invalid else YOU if i in mark else ""))
        reward = turn["reward"]
        table.add_row(str(t + 1), *row, f"{reward:+g}" if reward else "")
    return table


def _short(entry: dict[str, Any] | None) -> str:
    """An action in one short line; marked where it was invalid, empty where the agent has left."""
    if entry is None:
        return ""
    text = " ".join(entry["action"].split())
    text = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "..."
    return f"{text or '-'}{' (invalid)' if entry.get('invalid') else ''}"
