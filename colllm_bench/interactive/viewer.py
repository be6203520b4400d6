"""Watching an episode turn by turn: one that is being played, or a recorded one."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from colllm_bench.interactive import panels
from colllm_bench.runs.replays import replay_of
from colllm_bench.teams.base import Team
from colllm_bench.types import Episode, Trajectory, Turn

NEXT, BACK, RUN, QUIT = "next", "back", "run", "quit"
KEYS = {
    " ": NEXT, "\r": NEXT, "\n": NEXT, "n": NEXT, "\x1b[C": NEXT, "\x1b[B": NEXT,
    "b": BACK, "p": BACK, "\x1b[D": BACK, "\x1b[A": BACK,
    "a": RUN, "q": QUIT, "\x04": QUIT, "\x1b": QUIT,
}
HINT = "space next   b back   a run on its own   q quit"
RUNNING_HINT = "a or space stop   q quit"
RUN_DELAY = 1.0
"""Seconds between turns once ``a`` was pressed, without a --delay."""


class ViewerClosed(Exception):
    """The person quit watching."""


class Viewer:
    """Shows one screen after another, and lets a person step back and forth by key.

    A context manager: inside it the terminal passes on keys as they are pressed.

    Args:
        console: output; without a terminal every screen is printed, and no key awaited.
        delay: seconds between screens; None waits for a key.
        head: shown above every screen.
        key: returns the next key, or "" after so many seconds without one (None: waits).
    """

    def __init__(
        self,
        console: Console,
        delay: float | None = None,
        head: RenderableType = "",
        key: Callable[[float | None], str] | None = None,
    ):
        self.console, self.delay, self.head = console, delay, head
        self.key = key or (read_key if console.is_terminal and sys.stdin.isatty() else None)
        self.shown: list[RenderableType] = []
        self._terminal: Any = contextlib.nullcontext()
        if self.key is read_key:
            self._terminal = _cbreak(sys.stdin.fileno())

    def __enter__(self) -> Viewer:
        self._terminal.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._terminal.__exit__(*exception)

    def show(self, screen: RenderableType) -> None:
        """Add a screen, show it, and return when the person asks for the next one.

        Raises:
            ViewerClosed: the person quits.
        """
        self.shown.append(screen)
        at = len(self.shown) - 1
        while at < len(self.shown):
            self._draw(at)
            command = self._command()
            if command == QUIT:
                raise ViewerClosed
            at = max(0, at - 1) if command == BACK else at + 1

    def _command(self) -> str:
        """NEXT, BACK or QUIT, from a key or (autoplay) NEXT after the delay."""
        if self.key is None:
            if self.delay:
                time.sleep(self.delay)
            return NEXT
        until = None if self.delay is None else time.monotonic() + self.delay
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            pressed = self.key(left)
            if not pressed:
                return NEXT
            command = KEYS.get(pressed)
            if command == RUN or (command in (NEXT, BACK) and self.delay is not None):
                # Any navigation key pauses autoplay; "a" resumes it.
                self.delay = None if self.delay is not None else RUN_DELAY
                until = None if self.delay is None else time.monotonic() + self.delay
                self._hint()
            elif command is not None:
                return command

    def _draw(self, at: int) -> None:
        screen = self.shown[at]
        if self.key is None:
            self.console.print(screen)
            self.console.print()
            return
        whole = Group(self.head, screen)
        if len(self.console.render_lines(whole, pad=False)) + 2 <= self.console.height:
            self.console.clear()  # frames keep their place on the screen
            self.console.print(whole)
        else:
            self.console.rule(style="dim")
            self.console.print(screen)
        self._hint()

    def _hint(self) -> None:
        hint = HINT if self.delay is None else RUNNING_HINT
        self.console.print(Text(hint, style="dim"))


class _WrappedTeam(Team):
    """A team of one episode at a time that another team plays for."""

    def __init__(self, team: Team):
        self.team = team
        self.episode: Episode | None = None

    def reset(self, episodes: Sequence[Episode]) -> None:
        (self.episode,) = episodes
        self.team.reset(episodes)

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        self.team.act(turns)

    def keep_running(self, running: Sequence[int]) -> None:
        self.team.keep_running(running)

    def observe_final(self, trajectory: Trajectory, observation: str) -> None:
        self.team.observe_final(trajectory, observation)

    def close(self) -> None:
        self.team.close()


class WatchedTeam(_WrappedTeam):
    """Shows a team's episode while it is played, each turn once its outcome is known.

    Args:
        team: the team that plays.
        viewer: shows the turns.
        about: entries of the replay (``env``, ``split``, ``team``).
        players: who acts for each agent, one label per agent; may be empty.
    """

    def __init__(
        self, team: Team, viewer: Viewer, about: dict[str, Any], players: Sequence[str] = ()
    ):
        super().__init__(team)
        self.viewer, self.about, self.players = viewer, about, players
        self.shown_turns, self.started = 0, False

    def act(self, turns: Sequence[Sequence[Turn | None]]) -> None:
        self.catch_up()
        super().act(turns)

    def catch_up(self) -> None:
        """Show the finished turns that were not shown yet; after the rollout, the last one."""
        if self.episode is None:
            return
        replay = finished_part(self.episode, self.about)
        if not self.started and replay["frames"]:
            self.viewer.show(panels.start_screen(replay))
        self.started = True
        for t in range(self.shown_turns, len(replay["turns"])):
            self.viewer.show(panels.turn_screen(replay, t, players=self.players))
        self.shown_turns = len(replay["turns"])


class RecordingTeam(_WrappedTeam):
    """Keeps the episode of a team, so that it can be read when the rollout was interrupted.

    Attributes:
        episode: None before the start.
    """


def finished_episode(episode: Episode) -> Episode:
    """A copy of an episode without the turns that have no outcome yet."""
    trajectories = [
        Trajectory(x.agent, x.index, x.instructions, [t for t in x.turns if t.reward is not None])
        for x in episode.trajectories
    ]
    done = Episode(episode.seed, episode.group, trajectories, episode.success, episode.score)
    done.frames = episode.frames[: max(len(x.turns) for x in trajectories) + 1]
    return done


def finished_part(episode: Episode, about: dict[str, Any]) -> dict[str, Any]:
    """The replay of :func:`finished_episode`."""
    return replay_of(finished_episode(episode), **about)


def watch_replay(replay: dict[str, Any], viewer: Viewer) -> None:
    """Show a recorded episode, turn by turn.

    Raises:
        ViewerClosed: the person quits.
    """
    total = len(replay["turns"])
    if replay["frames"]:
        viewer.show(panels.start_screen(replay))
    for t in range(total):
        viewer.show(panels.turn_screen(replay, t, total=total))


def read_key(seconds: float | None) -> str:
    """The next key, an arrow as its whole escape sequence; "" after ``seconds`` without one."""
    descriptor = sys.stdin.fileno()
    if not select.select([descriptor], [], [], seconds)[0]:
        return ""
    data = os.read(descriptor, 1)
    # An arrow comes as three bytes at once; a lone escape as one.
    while data[:1] == b"\x1b" and len(data) < 3 and select.select([descriptor], [], [], 0.05)[0]:
        data += os.read(descriptor, 1)
    return data.decode("utf-8", "replace") or "\x04"


@contextlib.contextmanager
def _cbreak(descriptor: int) -> Iterator[None]:
    """Pass on keys as they are pressed, without echo; restore the terminal's settings after."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
