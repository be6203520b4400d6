"""What stands on the terminal when a person plays or watches: pieces for rich, no state.

Everything that environments and players wrote is shown as plain text: it may spell markup of
rich or move a terminal's cursor, and must not do either here.
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
"""Characters of an action in the table at the end; longer ones are cut there."""
LINES_SHOWN = 16
"""Lines of a long action shown at the end and while watching."""


def plain(text: str, style: str = "") -> Text:
    """Foreign text as it is, without what a terminal or rich would obey."""
    kept = "".join(c if c.isprintable() or c == "\n" else " " for c in text.expandtabs(4))
    return Text(kept, style=style)


def title(text: str, style: str = "") -> Text:
    """One line over a panel."""
    return plain(" ".join(text.split()), style)


def heading(lines: Sequence[str]) -> Group:
    """Lines over an episode: what is played, and by whom."""
    return Group(*(plain(line, "bold" if k == 0 else "dim")
                   for k, line in enumerate(lines)))


def said(agent: str, text: str, *, heading: str, style: str = "cyan") -> Panel:
    """A text to ``agent`` in a frame with a heading."""
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
    """Turn ``t`` for somebody who watches: what all saw and did, and the picture after it.

    Args:
        replay: see :mod:`colllm_bench.runs.replays`.
        t: from 0.
        players: who sits where, an entry an agent; may be empty.
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
    own = [(i, said_by) for i, said_by in enumerate(turn["agents"]) if said_by is not None]
    if any(_long(x["action"]) or _long(x["observation"], 160) for _, x in own):
        body: RenderableType = Group(*(
            _speech(names[i], x, players[i] if players else "") for i, x in own
        ))
    else:
        body = _rows(names, own, players)
    return Group(head, *picture(replay, t + 1), body)


def start_screen(replay: dict[str, Any]) -> RenderableType:
    """Before the first turn: the picture at the start."""
    return Group(Text("Start", style="bold"), *picture(replay, 0))


def picture(replay: dict[str, Any], k: int) -> list[RenderableType]:
    """Frame ``k`` of a replay as text; nothing where there is none."""
    frames = replay["frames"]
    if k >= len(frames):
        return []
    # A frame is an environment's own drawing: it may have colours, and nothing else.
    text = Text.from_ansi(frame_text(frames[k]))
    text.plain = plain(text.plain).plain
    return [Padding(text, (1, 0))]


def _long(text: str, most: int = LONGEST_CELL * 2) -> bool:
    return "\n" in text.strip() or len(text) > most


def _rows(names: Sequence[str], own: Sequence[tuple[int, dict]], players: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("agent", *(["player"] if players else []), "saw", "did"):
        table.add_column(column, overflow="fold", header_style="dim",
                         no_wrap=column in ("agent", "player"))
    for i, x in own:
        who = [plain(players[i], "dim")] if players else []
        table.add_row(plain(names[i]), *who, plain(x["observation"]), _did(x))
    return table


def _did(said_by: dict[str, Any]) -> Text:
    style = "red" if said_by.get("invalid") else "bold"
    text = plain(said_by["action"] or "(nothing)", style)
    if said_by.get("invalid"):
        text.append("  invalid", style="red")
    return text


def _speech(name: str, said_by: dict[str, Any], player: str) -> Group:
    """A long turn of one agent: what it saw, dimmed and cut, and what it wrote."""
    who = Text.assemble((name, "bold"), (f"  {player}" if player else "", "dim"))
    if said_by.get("invalid"):
        who.append("  invalid", style="red")
    seen = plain(cut(said_by["observation"]), "dim")
    wrote = plain(cut(said_by["action"]) or "(nothing)")
    return Group(who, Padding(seen, (0, 0, 0, 2)), Padding(wrote, (0, 0, 1, 4)))


def cut(text: str, lines: int = LINES_SHOWN) -> str:
    """The first lines of a text, and how many more there are."""
    rows = text.rstrip().split("\n")
    if len(rows) <= lines + 1:
        return "\n".join(rows)
    return "\n".join([*rows[:lines], f"... {len(rows) - lines} more lines"])


def what_everybody_did(replay: dict[str, Any], width: int, mark: Sequence[int] = ()) -> Group:
    """All actions of an episode: a table a turn a line, or (long ones) text by turn.

    Args:
        replay: see :mod:`colllm_bench.runs.replays`.
        width: of the terminal, in characters: tables are cut into as many as it needs.
        mark: places of agents to set off (the person's own).
    """
    names = [agent["name"] for agent in replay["agents"]]
    turns = replay["turns"]
    if has_long_actions(replay):
        parts: list[RenderableType] = []
        for t, turn in enumerate(turns):
            parts.append(Text(f"turn {t + 1}", style="bold"))
            parts += [
                _speech(names[i], {**x, "observation": ""}, "you" if i in mark else "")
                for i, x in enumerate(turn["agents"]) if x is not None
            ]
        return Group(*parts)
    said_by = [[turn["agents"][i] for turn in turns] for i in range(len(names))]
    cells = [max([len(names[i]), *(len(_short(x)) for x in own)]) for i, own in enumerate(said_by)]
    return Group(*(
        _actions_table(replay, columns, mark) for columns in _chunks(cells, max(20, width - 16))
    ))


def has_long_actions(replay: dict[str, Any]) -> bool:
    """Whether its actions are texts rather than words."""
    said_by = [x for turn in replay["turns"] for x in turn["agents"] if x is not None]
    return any(_long(x["action"]) for x in said_by)


def _chunks(cells: Sequence[int], room: int) -> list[list[int]]:
    """Places of agents, as many to a table as fit into ``room`` characters."""
    found: list[list[int]] = [[]]
    used = 0
    for i, cell in enumerate(cells):
        if found[-1] and used + cell + 2 > room:
            found.append([])
            used = 0
        found[-1].append(i)
        used += cell + 2
    return found


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


def _short(said_by: dict[str, Any] | None) -> str:
    """An action in one short line; marked where it was invalid, empty where nobody is left."""
    if said_by is None:
        return ""
    text = " ".join(said_by["action"].split())
    text = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "..."
    return f"{text or '-'}{' (invalid)' if said_by.get('invalid') else ''}"
