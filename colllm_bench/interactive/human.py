"""A person at the terminal, as a player of one or more seats of one episode."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from colllm_bench.interactive import input_parsing, panels
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
    """The person ended the game: no error, but the episode has no end."""


class HumanTeam:
    """A player who is asked at the terminal, and sees what an agent in that seat would see.

    Args:
        console: where the texts go.
        read: asks for a line with a prompt; None: ``input``, with the terminal's help.

    Raises:
        PersonLeft: by :meth:`act`, at Ctrl-C or the end of the input.
    """

    def __init__(self, console: Console, read: Callable[[str], str] | None = None):
        self.console = console
        self.read = read or _line_reader()
        self.more = _line_waits if read is None and sys.stdin.isatty() else lambda: False
        self.seats: list[int] = []
        self._told: list[int] = []
        self._total = 0.0

    def reset(self, episodes: Sequence[Episode]) -> None:
        (self.episode,) = episodes

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        (own,) = turns
        self.seats = [i for i, turn in enumerate(own) if turn is not None]
        number = len(self.episode.trajectories[self.seats[0]].turns)
        self._tell_reward(self.episode.trajectories[self.seats[0]])
        for i in self.seats:
            trajectory = self.episode.trajectories[i]
            if i not in self._told:
                self._instruct(trajectory, self._news(i))
                self._told.append(i)
            elif len(self.seats) == 1 or trajectory.turns[-2].info.get("invalid"):
                self._tell_notice(trajectory)
            own[i].action_text = self._ask(trajectory, own[i], number)

    def keep_running(self, running: Sequence[int]) -> None:
        pass  # one episode: it goes on, or nobody is asked again

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        self.console.print(panels.said(trajectory.agent, observation, heading="cut off here"))

    # -- one turn

    def _news(self, i: int) -> str:
        """Seat ``i``'s instructions, less the lines that another own seat's have had."""
        lines = self.episode.trajectories[i].instructions.split("\n")
        if not self._told:
            return "\n".join(lines)
        first = self.episode.trajectories[self._told[0]]
        own = [line for line in lines if line not in first.instructions.split("\n")]
        if len(own) == len(lines):
            return "\n".join(lines)
        return "\n".join([*own, f"(the rest as for {first.agent})"])

    def _instruct(self, trajectory: Trajectory, text: str) -> None:
        text = text or "(this environment gives no instructions)"
        self.console.print(
            panels.said(trajectory.agent, text, heading="instructions", style="dim")
        )

    def _tell_reward(self, trajectory: Trajectory) -> None:
        if len(trajectory.turns) < 2:
            return
        reward = trajectory.turns[-2].reward
        self._total += reward
        if reward:
            line = Text(f"the team's reward {reward:+g}, {self._total:g} in all")
            line.stylize("green" if reward > 0 else "red")
            self.console.print(line)

    def _tell_notice(self, trajectory: Trajectory) -> None:
        info = trajectory.turns[-2].info
        notice = str(info.get("notice") or "your last answer was not understood")
        # Most environments say it in the next observation too: not twice.
        if info.get("invalid") and notice not in trajectory.turns[-1].observation:
            self.console.print(panels.plain(f"{trajectory.agent}: {notice}", "red"))

    def _ask(self, trajectory: Trajectory, turn: Turn, number: int) -> str:
        agent, legal = trajectory.agent, turn.info.get("legal_actions")
        self.console.print(panels.said(agent, turn.observation, heading=f"turn {number}"))
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
                return input_parsing.gather(read, self.more)
            except _WantsEditor:
                written = self._edit()
            if written is not None:
                self.console.print(panels.said(trajectory.agent, written, heading="you wrote"))
                return written

    def _edit(self) -> str | None:
        try:
            written = input_parsing.edited()
        except OSError as error:
            self.console.print(panels.plain(f"no editor: {error}; set EDITOR", "yellow"))
            return None
        if not written.strip():
            self.console.print(Text("nothing was written: write here, or !edit", style="yellow"))
            return None
        return written

    def _help(self, trajectory: Trajectory, text: str) -> None:
        self._instruct(trajectory, trajectory.instructions)
        self.console.print(Text(f"{text}\n{COMMON_HELP}", style="cyan"))


class _WantsEditor(Exception):
    """``!edit`` was typed."""


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
            pass  # a Python without readline: lines are read all the same
    return input


def _line_waits() -> bool:
    """Whether the terminal has sent something that was not read yet."""
    import select

    return bool(select.select([sys.stdin], [], [], 0)[0])


def _complete(words: Sequence[str]) -> None:
    """Tab completes to one of ``words``."""
    readline = sys.modules.get("readline")
    if readline is None:
        return

    def nth(text: str, state: int) -> str | None:
        found = [word for word in words if word.startswith(text)]
        return found[state] if state < len(found) else None

    readline.set_completer(nth)
    readline.set_completer_delims("")
