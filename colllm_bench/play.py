"""``python -m colllm_bench.play``: take a seat in a team, or watch one play."""

from __future__ import annotations

import os
import secrets
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.errors import ConfigError

DESCRIPTION = """Take a seat in a team at this terminal, or watch a team play.

  python -m colllm_bench.play --env strategy                    # you, and experts
  python -m colllm_bench.play --seat 1,3 --team RUN             # two seats beside a trained team
  python -m colllm_bench.play --team untrained --team 3=RUN     # a team in each seat
  python -m colllm_bench.play --watch --team RUN                # only watch
  python -m colllm_bench.play --watch --replay RUN/replays/held-out-0.json

TEAM is a run folder, expert (scripted), model (untrained), random, or openai:MODEL.
"""
SETTINGS = frozenset({
    "env", "agents", "model", "device", "dtype", "chat_template", "max_action_tokens",
    "temperature", "threads", "level", "turns", "reward", "messages",
})
"""Settings of a run that matter to somebody who only plays."""
SEEDS = 2**31


def parser() -> cli.Parser:
    made = cli.Parser(
        prog="python -m colllm_bench.play",
        usage="python -m colllm_bench.play [options]",
        description=DESCRIPTION,
        formatter_class=RawDescriptionHelpFormatter,
    )
    what = made.add_argument_group("who plays")
    what.add_argument("--seat", metavar="SEATS",
                      help="your seats: numbers or names, with commas; all (default: 1)")
    what.add_argument("--team", metavar="[SEATS=]TEAM", action="append",
                      help="who has the other seats (default: the expert); may be repeated")
    what.add_argument("--read", metavar="STYLE", choices=("full", "brief"),
                      help="what you read: full (default), or brief, as small models do")
    what.add_argument("--base-url", metavar="URL", help="of the endpoint, for openai:MODEL")
    watch = made.add_argument_group("watching")
    watch.add_argument("--watch", action="store_true", help="all seats to the team; you watch")
    watch.add_argument("--replay", metavar="FILE", help="watch a recorded episode, or a run's")
    watch.add_argument("--delay", metavar="SECONDS", type=float,
                       help="go on by itself; without it, at a key")
    game = made.add_argument_group("episode")
    game.add_argument("--seed", metavar="N", type=int, help="which task (default: a new one)")
    game.add_argument("--split", metavar="SPLIT", choices=("train", "eval"),
                      help="tasks for training or held-out ones: train (default) or eval")
    game.add_argument("--record", metavar="FILE",
                      help="keep the episode: .json to watch it again, .txt to read it")
    cli.add_config_options(made, _only(SETTINGS))
    made.add_argument("--list", action="store_true", help="environments, algorithms, models")
    made.add_argument("--debug", action="store_true", help="show tracebacks")
    return made


def _only(names: frozenset[str]) -> Any:
    """Adds the flags of some settings, and leaves out the others'."""

    def add(group: Any, flag: str, kind: type, help_text: str) -> None:
        if flag[2:].replace("-", "_") in names:
            cli.add_option(group, flag, kind, help_text)

    return add


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded
    args = parser().parse(argv)
    given = vars(args)
    if "list" in given:
        from colllm_bench.run import listing

        print(listing())
        return 0
    _check_options(given)
    if "replay" in given:
        return show_replay(Path(given["replay"]), given)
    from colllm_bench.display.console import make_console
    from colllm_bench.interactive.lineup import seat

    console = make_console()
    watching = "watch" in given
    seats = None if watching else given.get("seat", "1")
    teams = given.get("team", [])
    config, _ = cli.build_config(args, base=_base(teams))
    seating = seat(config, teams, seats, given.get("read", "full"))
    seed = given.get("seed", secrets.randbelow(SEEDS))
    with console.status("loading"):
        table = _Table(console, seating, seed, given)
    try:
        table.play(watching)
    finally:
        table.close()
    return 0


def _check_options(given: dict[str, Any]) -> None:
    """Refuse what cannot go together, before anything is loaded."""
    if "seat" in given and ("watch" in given or "replay" in given):
        raise ConfigError("--seat with --watch: who watches has no seat", fix="leave one out")
    if "team" in given and "replay" in given:
        raise ConfigError("--team with --replay: the record says who played", fix="leave one out")
    if "delay" in given and not ("watch" in given or "replay" in given):
        raise ConfigError("--delay without --watch has no effect", fix="--watch, or leave it out")
    if not 0 <= given.get("delay", 0) <= 3600:
        raise ConfigError(f"--delay {given['delay']} is out of range", allowed="0 to 3600 seconds")
    if not 0 <= given.get("seed", 0) < 2**63:
        raise ConfigError(f"--seed {given['seed']} is out of range", allowed="0 or above")
    if not given.get("temperature", 0) >= 0:
        raise ConfigError(f"--temperature {given['temperature']}", allowed="0 (greedy) or above")
    if "record" in given:
        path = Path(given["record"])
        if path.suffix not in (".json", ".txt"):
            raise ConfigError(f"--record {path} has no known ending", allowed=".json, .txt")
        if path.exists():
            raise ConfigError(f"--record {path} is there already", fix="another name")
        if not path.parent.is_dir():
            raise ConfigError(f"--record {path}: no folder {path.parent}", fix="make it first")


def _base(teams: Sequence[str]) -> Any:
    """The task of the first trained team; None: the defaults."""
    from colllm_bench.runs.folder import holds_run, read_config

    for text in teams:
        for path in (text, text.partition("=")[2]):
            if path and holds_run(path):
                return read_config(path)
    return None


class _Table:
    """An episode that is about to be played, and who plays it."""

    def __init__(self, console: Any, seating: Any, seed: int, given: dict[str, Any]):
        from colllm_bench.interactive.human import HumanTeam

        self.console, self.seating, self.seed, self.given = console, seating, seed, given
        self.split = given.get("split", "train")
        self.env = seating.env(self.split)
        self.person = HumanTeam(console) if seating.own else None
        self.player = seating.player(
            self.person, seed=seed, temperature=given.get("temperature"),
            endpoint=_endpoint(given),
        )
        self.about = {
            "env": seating.config.env, "team": seating.describe(), "split": self.split,
        }

    def play(self, watching: bool) -> None:
        """Play to the end, or until the person leaves; then say what came of it."""
        from colllm_bench.interactive.human import PersonLeft
        from colllm_bench.interactive.viewer import Keeping, Stopped, Viewer, Watched
        from colllm_bench.rollout import rollout

        heading = self._heading()
        self.console.print(heading)
        keeping, finished = Keeping(self.player), False
        try:
            if watching:
                with Viewer(self.console, self.given.get("delay"), heading) as viewer:
                    watched = Watched(keeping, viewer, self.about, self.seating.labels)
                    rollout([self.env], [self.seed], [0], watched, frames=1)
                    finished = True
                    watched.catch_up()
            else:
                rollout([self.env], [self.seed], [0], keeping, frames=1)
                finished = True
        except (PersonLeft, Stopped, KeyboardInterrupt):
            self.console.print()
        finally:  # an endpoint that fails must not take the game so far with it
            if keeping.episode is not None:
                self._tell(keeping.episode, finished, watching)

    def _heading(self) -> Any:
        from colllm_bench.interactive import panels

        config = self.seating.config
        options = "".join(f", {k} {v}" for k, v in config.env_options.items())
        lines = [
            f"{config.env}, {config.agents} agents{options}",
            self.seating.describe(),
            f"seed {self.seed}, {self.split} tasks (--seed {self.seed} plays this one again)",
        ]
        return panels.heading(lines)

    def _tell(self, episode: Any, finished: bool, watching: bool) -> None:
        from colllm_bench.interactive import panels
        from colllm_bench.interactive.viewer import finished_part

        replay = finished_part(episode, self.about)
        if not replay["turns"]:
            self.console.print("nothing was played", style="yellow")
            return
        self.console.print()
        self.console.print(panels.verdict(replay, finished=finished))
        if not watching and finished:
            self.console.print(*panels.picture(replay, len(replay["turns"])))
        if not (watching and panels.has_long_actions(replay)):  # texts were read as they came
            self.console.print(
                panels.what_everybody_did(replay, self.console.width, self.seating.own)
            )
        if "record" in self.given:
            self._record(Path(self.given["record"]), replay, episode)

    def _record(self, path: Path, replay: dict[str, Any], episode: Any) -> None:
        from colllm_bench.interactive.viewer import finished_episode
        from colllm_bench.runs import files
        from colllm_bench.runs.replays import write_replay
        from colllm_bench.runs.transcripts import episode_text

        if path.suffix == ".json":
            write_replay(path, replay)
            again = f"python -m colllm_bench.play --watch --replay {path}"
            self.console.print(f"recorded: {again}", soft_wrap=True)
        else:
            files.write_text(path, episode_text(finished_episode(episode)))
            self.console.print(f"recorded: {path}", soft_wrap=True)

    def close(self) -> None:
        from colllm_bench.teams.base import close

        close(self.player)
        self.env.close()


def _endpoint(given: dict[str, Any]) -> Any:
    if "base_url" not in given:
        return None
    from colllm_bench.teams.endpoint.client import Endpoint

    endpoint = Endpoint(base_url=given["base_url"])
    endpoint.check()
    return endpoint


def show_replay(path: Path, given: dict[str, Any]) -> int:
    """``--replay``: a recorded episode, turn by turn."""
    from colllm_bench.display.console import make_console
    from colllm_bench.interactive import panels
    from colllm_bench.interactive.viewer import Stopped, Viewer, watch_replay
    from colllm_bench.runs.replays import REPLAYS, read_replay

    if path.is_dir():
        found = sorted((path / REPLAYS).glob("held-out-*.json")) or sorted(path.glob("*.json"))
        if not found:
            raise ConfigError(f"{path} holds no replay", allowed="a replays/NAME.json of a run")
        path = found[0]
    if not path.exists():
        raise ConfigError(f"--replay {path} does not exist", allowed="a replays/NAME.json of a run")
    replay = read_replay(path)
    console = make_console()
    parts = [str(replay[key]) for key in ("env", "algo", "team", "split") if replay.get(key)]
    lines = [f"{path}", f"{', '.join(parts)}; seed {replay.get('seed')}"]
    heading = panels.heading(lines)
    console.print(heading)
    try:
        with Viewer(console, given.get("delay"), heading) as viewer:
            watch_replay(replay, viewer)
    except (Stopped, KeyboardInterrupt):
        console.print()
        return 0
    console.print(panels.verdict(replay))
    if not panels.has_long_actions(replay):
        console.print(panels.what_everybody_did(replay, console.width))
    return 0


if __name__ == "__main__":
    sys.exit(cli.execute(main))
