"""Run folders for the page: methods, team sizes, replays of every kind, and text that attacks."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from made_runs import make_run
from tiny_envs import Relay

from colllm_bench.config import RunConfig
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.envs.strategy.scripted import Expert
from colllm_bench.rollout import rollout
from colllm_bench.runs.replays import replay_of, write_replay
from colllm_bench.teams.scripted import ScriptedTeam

ATTACKS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=2</script>",
    "<img src=x onerror=\"window.pwned=3\">",
    "<!--<script>window.pwned=4",
    "' onmouseover='window.pwned=5",
    "javascript:window.pwned=6",
    "]]>&lt;b&gt; {{data}} ${window.pwned=7} \u2028\u2029 \x00\x1b[31m \U0001f409",
)
"""What a model may write to whoever reads its transcripts."""


class Attacker:
    """Says one attack after the other."""

    def reset(self, agent, instructions, seed):
        self.left = list(ATTACKS)

    def act(self, observation, info):
        return self.left.pop(0) if self.left else "strike"


class Parts(Relay):
    """Shows documents with verdicts, as an environment of code does."""

    def frame(self):
        parts = [
            {"title": "solve", "text": "def solve(x):\n    return x < 1", "code": True,
             "status": "passed", "ok": True},
            {"title": ATTACKS[2], "text": ATTACKS[1], "code": True, "status": "failed", "ok": False,
             "notes": [ATTACKS[0]]},
            {"title": "part 3", "text": f"day {self.day}", "status": "open", "ok": None},
        ]
        return {"kind": "parts", "headline": f"round {self.day}", "parts": parts}


class Strange(Relay):
    """Shows what no viewer knows: a kind of its own, and a map that is none."""

    def frame(self):
        if self.day == 0:
            return {"kind": "siege", "fronts": "nowhere", "text": "no map here"}
        return {"kind": "mine", "secret": ATTACKS[0]}


class Story(Relay):
    """Shows what the environment ``writing`` shows."""

    def frame(self):
        sections = [{"part": f"part {i}", "text": "Once." * self.day, "invalid": i == 1,
                     "own": {"length": 0.5}} for i in range(2)]
        return {"kind": "writing", "task": "story", "draft": self.day, "drafts": 3,
                "about": ATTACKS[0], "score": {"quality": 0.25}, "sections": sections, "text": "x"}


def keep(run: Path, name: str, env, policy=Expert, seed=5, **about) -> dict:
    """Play an episode and keep it as a run's replay."""
    (episode,) = rollout([env], [seed], [0], ScriptedTeam(policy), frames=1)
    if about.get("team") == "training":
        rng = random.Random(seed)
        for trajectory in episode.trajectories:
            for turn in trajectory.turns:
                turn.value, turn.advantage = rng.random(), rng.gauss(0, 1)
    replay = replay_of(episode, env="strategy", algo="cc", **about)
    if about.get("team") == "trained":  # a made-up episode: a run's own has the record's return
        held_out = json.loads((run / "summary.json").read_text())["held_out"]["trained"]
        replay["return"] = held_out["returns"][int(name.rpartition("-")[2])]
    write_replay(run / "replays" / f"{name}.json", replay)
    return replay


def size(run: Path, parameters: int) -> None:
    """Note how many parameters the model has, as runs of today do."""
    path = run / "summary.json"
    found = json.loads(path.read_text())
    found["parameters"] = {"model": parameters, "trained": 10}
    path.write_text(json.dumps(found))


def make_results(root: Path) -> Path:
    """Strategy with 2, 3 and 4 agents, three methods, three or five seeds; another environment
    without a verdict; another model; a method whose name attacks; folders that are left out."""
    finals = {"mc": 0.6, "cc": 0.9, "dc": 0.75}
    machine = {"colllm_bench": "0.1.0", "commit": "c0ffee" * 6, "modified": True, "cpu": "Test CPU",
               "cores": 2, "memory_gib": 4, "python": "3.11.7", "system": "Linux 6",
               "packages": {"torch": "2.13.0", "numpy": "2.4.6"}, "accelerators": []}
    for algo, final in finals.items():
        for agents in (2, 3, 4):
            name = "default" if agents == 3 else f"agents{agents}"
            for seed in range(5 if agents == 3 else 3):
                run = make_run(
                    root, algo=algo, name=name, seed=seed, agents=agents, iterations=12,
                    final=final - 0.1 * (agents - 3) + 0.02 * seed,
                    rise=0.3 if algo == "cc" else 3.0,
                )
                size(run, 171_904)
                (run / "environment.json").write_text(json.dumps(machine))
    cc = root / "strategy" / "cc"
    keep(cc / "default/seed0", "held-out-0", StrategyEnv(agents=3), team="trained", split="eval")
    keep(cc / "default/seed0", "untrained-0", StrategyEnv(agents=3), Attacker, team="untrained",
         split="eval")
    keep(cc / "default/seed0", "iteration-00004", StrategyEnv(agents=3), team="training",
         split="train", iteration=4)
    keep(cc / "default/seed1", "held-out-0", StrategyEnv(agents=3, level=3), team="trained",
         split="eval")
    keep(cc / "agents4/seed0", "held-out-0", StrategyEnv(agents=4, level=2), team="trained",
         split="eval")
    mc = root / "strategy" / "mc" / "default"
    keep(mc / "seed0", "held-out-0", Parts(agents=2, turns=3), Attacker, team="trained")
    keep(mc / "seed0", "held-out-1", Strange(turns=2), Attacker, team="trained")
    keep(mc / "seed0", "held-out-2", Relay(agents=3, turns=4, leave={0: 1}, cut=True), Attacker,
         team="trained")
    keep(mc / "seed1", "held-out-0", Story(agents=2, turns=3), Attacker, team="trained")
    other = make_run(root, env="./my_env.py:Rendezvous", algo="mc", agents=2, success=False)
    size(other, 596_049_920)
    make_run(root, algo="mc", name="modelbig", agents=3, model="<b>big</b>/model")
    nasty = "x<img src=q onerror=window.pwned=8>"
    make_run(root, algo="dc", name=nasty, seed=0, env_options={"level": 1})
    (root / "strategy" / "dc" / "default" / "seed9").mkdir()
    torn = make_run(root, algo="cc", name="torn<script>window.pwned=9", seed=0)
    (torn / "summary.json").write_text('{"env')
    (cc / "default/seed2/replays").mkdir()
    (cc / "default/seed2/replays/held-out-0.json").write_text('{"format": 1')
    return root


def command_digest(argv: list[str]) -> str:
    """The digest of what a command line would run."""
    from colllm_bench import cli, run
    from colllm_bench.setup.resolve import resolve

    config, _ = cli.build_config(run.parser().parse(argv), run.RUN_OPTIONS)
    resolved: RunConfig = resolve(config)
    return resolved.digest


def view_of(page: str) -> dict:
    """The data block of a page, as the browser reads it."""
    block = re.search(r'<script type="application/json" id="data">(.*)</script>', page)
    return json.loads(block[1])
