"""A game at the terminal: one episode that is played or watched, or a recorded one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console, Group

from colllm_bench.errors import ConfigError
from colllm_bench.interactive import panels
from colllm_bench.interactive.human import HumanTeam, PersonLeft
from colllm_bench.interactive.lineup import Lineup
from colllm_bench.interactive.viewer import (
    RecordingTeam,
    Viewer,
    ViewerClosed,
    WatchedTeam,
    finished_episode,
    finished_part,
    watch_replay,
)
from colllm_bench.rollout import rollout
from colllm_bench.runs import files
from colllm_bench.runs.replays import REPLAYS, read_replay, write_replay
from colllm_bench.runs.transcripts import episode_text
from colllm_bench.types import Episode


class Game:
    """An episode that is about to be played, with the teams of its seats loaded.

    Args:
        console: the terminal.
        lineup: who acts for each agent.
        seed: which task.
        split: ``train`` or ``eval``.
        temperature: of the teams' sampling; None: their own.
        endpoint: for endpoint teams, or None.
        record: file for the episode, ``.json`` (a replay) or ``.txt``; None: keep none.
    """

    def __init__(
        self,
        console: Console,
        lineup: Lineup,
        seed: int,
        *,
        split: str = "train",
        temperature: float | None = None,
        endpoint: Any = None,
        record: Path | None = None,
    ):
        self.console, self.lineup, self.seed, self.split = console, lineup, seed, split
        self.record = record
        self.env = lineup.env(split)
        person = HumanTeam(console) if lineup.person_seats else None
        self.team = lineup.team(person, seed=seed, temperature=temperature, endpoint=endpoint)
        self.about = {"env": lineup.config.env, "team": lineup.describe(), "split": split}

    def play(self, watching: bool, delay: float | None = None) -> None:
        """Play to the end, or until the person leaves; then show the outcome.

        Args:
            watching: show each turn to a spectator.
            delay: seconds between turns then; None waits for a key.
        """
        heading = self._heading()
        self.console.print(heading)
        recording, finished = RecordingTeam(self.team), False
        try:
            if watching:
                with Viewer(self.console, delay, heading) as viewer:
                    watched = WatchedTeam(recording, viewer, self.about, self.lineup.labels)
                    rollout([self.env], [self.seed], [0], watched, frames=1)
                    finished = True
                    watched.catch_up()
            else:
                rollout([self.env], [self.seed], [0], recording, frames=1)
                finished = True
        except (PersonLeft, ViewerClosed, KeyboardInterrupt):
            self.console.print()
        finally:  # after any failure, keep the game so far
            if recording.episode is not None:
                self._show_outcome(recording.episode, finished, watching)

    def close(self) -> None:
        self.team.close()
        self.env.close()

    def _heading(self) -> Group:
        config = self.lineup.config
        options = "".join(f", {k} {v}" for k, v in config.env_options.items())
        return panels.heading([
            f"{config.env}, {config.agents} agents{options}",
            self.lineup.describe(),
            f"seed {self.seed}, {self.split} tasks (--seed {self.seed} plays this one again)",
        ])

    def _show_outcome(self, episode: Episode, finished: bool, watching: bool) -> None:
        replay = finished_part(episode, self.about)
        if not replay["turns"]:
            self.console.print("nothing was played", style="yellow")
            return
        self.console.print()
        self.console.print(panels.verdict(replay, finished=finished))
        if not watching and finished:
            self.console.print(*panels.frame(replay, len(replay["turns"])))
        if not (watching and panels.has_long_actions(replay)):  # long ones were shown by turn
            seats = self.lineup.person_seats
            self.console.print(panels.actions_summary(replay, self.console.width, seats))
        if self.record is not None:
            self._write_record(self.record, replay, episode)

    def _write_record(self, path: Path, replay: dict[str, Any], episode: Episode) -> None:
        if path.suffix == ".json":
            write_replay(path, replay)
            line = f"recorded: python -m colllm_bench.play --watch --replay {path}"
        else:
            files.write_text(path, episode_text(finished_episode(episode)))
            line = f"recorded: {path}"
        self.console.print(line, soft_wrap=True, markup=False)


def show_replay(console: Console, path: Path, delay: float | None = None) -> None:
    """Show a recorded episode, turn by turn.

    Args:
        path: a replay, or a folder of a run (its first held-out episode) or of replays.
        delay: seconds between turns; None waits for a key.

    Raises:
        ConfigError: there is no replay.
    """
    if path.is_dir():
        replays = sorted((path / REPLAYS).glob("held-out-*.json")) or sorted(path.glob("*.json"))
        if not replays:
            raise ConfigError(f"{path} holds no replay", allowed="a replays/NAME.json of a run")
        path = replays[0]
    if not path.exists():
        raise ConfigError(f"--replay {path} does not exist", allowed="a replays/NAME.json of a run")
    replay = read_replay(path)
    parts = [str(replay[key]) for key in ("env", "algo", "team", "split") if replay.get(key)]
    heading = panels.heading([f"{path}", f"{', '.join(parts)}; seed {replay.get('seed')}"])
    console.print(heading)
    try:
        with Viewer(console, delay, heading) as viewer:
            watch_replay(replay, viewer)
    except (ViewerClosed, KeyboardInterrupt):
        console.print()
        return
    console.print(panels.verdict(replay))
    if not panels.has_long_actions(replay):
        console.print(panels.actions_summary(replay, console.width))
