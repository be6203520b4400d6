"""A person at the terminal, acting for one or more agents of one episode."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from colllm_bench.interactive import input_parsing, panels
from colllm_bench.teams.base import Team
from colllm_bench.types import Episode, Trajectory, Turn

CHOICE_HELP = """\
An action: its number, its beginning (Tab completes), or the whole of it.
After a bar you may add what the rules allow:  2 | at the gate
!text sends the text exactly as typed, understood or not."""
TEXT_HELP = """\
Write your answer; an empty line, or a dot alone on a line, ends it.
Within ``` and ``` empty lines belong to the text. What you paste stays whole.
!edit, on the first line, opens your editor ($EDITOR); a dot alone sends an empty answer."""
COMMON_HELP = """\
? shows this and the instructions again.  Ctrl-D (or Ctrl-C) leaves the game."""


class PersonLeft(Exception):
    """The person ended the game before the episode was over."""


class HumanTeam(Team):
    """A person who is asked at the terminal, and sees what an agent in that seat would see.

    Args:
        console: output.
        read: reads a line after showing a prompt; None: ``input`` with line editing.

    Raises:
        PersonLeft: by :meth:`act`, at Ctrl-C or the end of the input.
    """

    def __init__(self, console: Console, read: Callable[[str], str] | None = None):
        self.console = console
        self.read = read or _line_reader()
        self.more = _input_waiting if read is None and sys.stdin.isatty() else lambda: False
        self.seats: list[int] = []
        self._instructed: list[int] = []
        self._total = 0.0

    def reset(self, episodes: Sequence[Episode]) -> None:
        (self.episode,) = episodes

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        (episode_turns,) = turns
        self.seats = [i for i, turn in enumerate(episode_turns) if turn is not None]
        number = len(self.episode.trajectories[self.seats[0]].turns)
        self._show_reward(self.episode.trajectories[self.seats[0]])
        for i in self.seats:
            trajectory = self.episode.trajectories[i]
            if i not in self._instructed:
                self._show_instructions(trajectory, self._new_instructions(i))
                self._instructed.append(i)
            elif len(self.seats) == 1 or trajectory.turns[-2].info.get("invalid"):
                self._show_notice(trajectory)
            episode_turns[i].action_text = self._ask(trajectory, episode_turns[i], number)

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        self._show(trajectory, observation, "cut off here")

    # -- one turn

    def _show(self, trajectory: Trajectory, text: str, heading: str, style: str = "cyan") -> None:
        panel = panels.agent_panel(trajectory.agent, text, heading=heading, style=style)
        self.console.print(panel)

    def _new_instructions(self, i: int) -> str:
        """Seat ``i``'s instructions without the lines that were shown for the person's first
        seat."""
        lines = self.episode.trajectories[i].instructions.split("\n")
        if not self._instructed:
            return "\n".join(lines)
        first = self.episode.trajectories[self._instructed[0]]
        new = [line for line in lines if line not in first.instructions.split("\n")]
        if len(new) == len(lines):
            return "\n".join(lines)
        return "\n".join([*new, f"(the rest as for {first.agent})"])

    def _show_instructions(self, trajectory: Trajectory, text: str) -> None:
        text = text or "(this environment gives no instructions)"
        self._show(trajectory, text, "instructions", "dim")

    def _show_reward(self, trajectory: Trajectory) -> None:
        if len(trajectory.turns) < 2:
            return
        reward = trajectory.turns[-2].reward
        self._total += reward
        if reward:
            line = Text(f"the team's reward {reward:+g}, {self._total:g} in all")
            line.stylize("green" if reward > 0 else "red")
            self.console.print(line)

    def _show_notice(self, trajectory: Trajectory) -> None:
        info = trajectory.turns[-2].info
        notice = str(info.get("notice") or "your last answer was not understood")
        # Most environments repeat it in the next observation: show it once.
        if info.get("invalid") and notice not in trajectory.turns[-1].observation:
            self.console.print(panels.plain(f"{trajectory.agent}: {notice}", "red"))

    def _ask(self, trajectory: Trajectory, turn: Turn, number: int) -> str:
        legal = turn.info.get("legal_actions")
        self._show(trajectory, turn.observation, f"turn {number}")
        try:
            if legal:
                return self._ask_choice(trajectory, list(map(str, legal)))
            return self._ask_text(trajectory)
        except (EOFError, KeyboardInterrupt):
            raise PersonLeft from None

    def _ask_choice(self, trajectory: Trajectory, legal: list[str]) -> str:
        _complete(legal)
        self.console.print(panels.choices(legal, self.console.width))
        while True:
            line = self.read(f"{trajectory.agent}> ")
            if line.strip() == "?":
                self._help(trajectory, CHOICE_HELP)
                self.console.print(panels.choices(legal, self.console.width))
                continue
            action, wrong = input_parsing.choose(line, legal)
            if action is not None:
                return action
            self.console.print(panels.plain(wrong, "yellow"))

    def _ask_text(self, trajectory: Trajectory) -> str:
        _complete([])
        prompt = f"{trajectory.agent}> "
        self.console.print(
            Text(" end with an empty line or a dot; ? help, !edit opens your editor", style="dim")
        )
        first = True

        def read() -> str:
            nonlocal first
            while True:
                line = self.read(prompt if first else "." * (len(prompt) - 1) + " ")
                if first and line.strip() == "?":
                    self._help(trajectory, TEXT_HELP)
                    continue
                if first and line.strip() == "!edit":
                    raise _WantsEditor
                first = first and not line.strip()
                return line

        while True:
            try:
                return input_parsing.read_multiline(read, self.more)
            except _WantsEditor:
                written = self._edit()
            if written is not None:
                self._show(trajectory, written, "you wrote")
                return written

    def _edit(self) -> str | None:
        try:
            written = input_parsing.from_editor()
        except OSError as error:
            self.console.print(panels.plain(f"no editor: {error}; set EDITOR", "yellow"))
            return None
        if not written.strip():
            self.console.print(Text("nothing was written: write here, or !edit", style="yellow"))
            return None
        return written

    def _help(self, trajectory: Trajectory, text: str) -> None:
        self._show_instructions(trajectory, trajectory.instructions)
        self.console.print(Text(f"{text}\n{COMMON_HELP}", style="cyan"))


class _WantsEditor(Exception):
    """The person typed ``!edit``."""


def _line_reader() -> Callable[[str], str]:
    """``input``, with line editing and history where the terminal has them."""
    if sys.stdin.isatty():
        try:
            import readline

            library = readline.__doc__ or ""
            bind = "bind ^I rl_complete" if "libedit" in library else "tab: complete"
            readline.parse_and_bind(bind)
            readline.parse_and_bind("set enable-bracketed-paste on")  # a paste is one line
        except ImportError:
            pass  # a Python without readline: no line editing
    return input


def _input_waiting() -> bool:
    """Whether the terminal holds input that was not read yet."""
    import select

    return bool(select.select([sys.stdin], [], [], 0)[0])


def _complete(words: Sequence[str]) -> None:
    """Let Tab complete to one of ``words``."""
    readline = sys.modules.get("readline")
    if readline is None:
        return

    def nth(text: str, state: int) -> str | None:
        matches = [word for word in words if word.startswith(text)]
        return matches[state] if state < len(matches) else None

    readline.set_completer(nth)
    readline.set_completer_delims("")
