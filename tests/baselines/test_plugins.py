"""A stranger's algorithm in one file: options and a critic of its own, saved and resumed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from paths import ROOT

from colllm_bench import cli, run
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.runs.naming import default_name
from colllm_bench.setup.resolve import load_algorithm, resolve
from colllm_bench.setup.validate import check_config

FILE = '''
import torch

from colllm_bench.baselines.algorithm import Algorithm
from colllm_bench.objectives.returns import discounted_returns
from colllm_bench.options import option
from colllm_bench.seeding import torch_generator


class TurnCritic:
    """A network over (agent, turn): two values a turn, a loss and an optimizer of its own."""

    def __init__(self, seed, width):
        generator = torch_generator(seed, "turn critic")
        self.weight = torch.randn(2, width, generator=generator).requires_grad_()
        self.optimizer = torch.optim.SGD([self.weight], lr=0.1)
        self.updates = 0

    def _values(self, agent, t):
        return self.weight[:, (7 * agent + t) % self.weight.shape[1]]

    def write_values(self, episodes):
        for episode in episodes:
            for trajectory in episode.trajectories:
                for t, turn in enumerate(trajectory.turns):
                    turn.values = self._values(trajectory.index, t).tolist()
                    turn.value = sum(turn.values) / 2

    def update(self, episodes):
        losses = [
            (self._values(x.index, t) - turn.return_).abs().mean()
            for e in episodes for x in e.trajectories for t, turn in enumerate(x.turns)
        ]
        loss = torch.stack(losses).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        return {"turn_critic_loss": float(loss.detach()), "updates": self.updates}

    def state_dict(self):
        return {"weight": self.weight.detach().clone(), "updates": self.updates}

    def load_state_dict(self, state):
        with torch.no_grad():
            self.weight.copy_(state["weight"])
        self.updates = state["updates"]


class Bagged(Algorithm):
    defaults = {"lr": 1e-2}

    class Options(Algorithm.Options):
        bag_width: int = option(16, "columns of the critic", low=1)
        mood: str = option("calm", "how it is", choices=("calm", "wild"))

    def build_critic(self, policy, env):
        return TurnCritic(self.config.seed, self.options.bag_width)

    def compute_advantages(self, episodes):
        for episode in episodes:
            to_go = discounted_returns(episode.rewards, self.options.gamma)
            for trajectory in episode.trajectories:
                for turn, g in zip(trajectory.turns, to_go):
                    turn.return_, turn.advantage = g, g - turn.value
        return {"width": self.options.bag_width}
'''


@pytest.fixture
def algo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bagged.py").write_text(FILE)
    return "./bagged.py:Bagged"


def chosen(*argv) -> RunConfig:
    args = run.parser(cli.algorithm_of(argv)).parse(argv)
    return resolve(cli.build_config(args, run.RUN_OPTIONS)[0])


def test_the_option_is_set_by_pair_by_flag_and_by_file(algo, tmp_path):
    assert chosen("--algo", algo).algo_options["bag_width"] == 16
    assert chosen("--algo", algo, "--algo-option", "bag_width=4").algo_options["bag_width"] == 4
    assert chosen("--algo", algo, "--bag-width", "5").algo_options["bag_width"] == 5
    (tmp_path / "a.toml").write_text(f'algo = "{algo}"\n[algo_options]\nbag_width = 6\n')
    assert chosen("--config", "a.toml").algo_options["bag_width"] == 6
    assert chosen("--config", "a.toml", "--bag-width", "7").algo_options["bag_width"] == 7


def test_it_is_part_of_the_digest_and_the_runs_name(algo):
    one, other = (RunConfig.of(algo=algo, bag_width=width) for width in (16, 4))
    assert resolve(one).digest != resolve(other).digest
    assert default_name(other) == "bagwidth4"


def test_help_shows_the_options_of_the_chosen_algorithm(algo, capsys):
    with pytest.raises(SystemExit):
        run.main(["--algo", algo, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--bag-width N columns of the critic (default: 16)" in text
    assert "calm|wild how it is (default: calm)" in text
    assert "--gae-lambda" not in text, "not read by it"


@pytest.mark.parametrize(("options", "message"), [
    ({"bag_width": 0}, "bag_width 0 is out of range; allowed: 1 or more"),
    ({"bag_width": "wide"}, "bag_width 'wide' is of the wrong kind; allowed: a whole number"),
    ({"mood": "sad"}, "mood 'sad' is unknown; allowed: calm, wild"),
    ({"gae_lambda": 0.5}, "--gae-lambda 0.5 has no effect with algorithm"),
    ({"width": 3}, "--width 3 has no effect with algorithm .* allowed: .*bag_width, mood"),
])
def test_what_it_does_not_allow_is_one_line(algo, options, message):
    with pytest.raises(ConfigError, match=message):
        check_config(resolve(RunConfig(algo=algo, algo_options=options)))


def test_it_trains_is_recorded_and_resumes_to_the_same_bytes(algo, tmp_path):
    common = [sys.executable, "-m", "colllm_bench.run", "--algo", algo, "--bag-width", "4",
              "--agents", "2", "--episodes", "12", "--batch", "4", "--eval-episodes", "2",
              "--checkpoint-every", "1", "--quiet", "--name", "a"]
    def play(*argv):
        done = subprocess.run([*common, *argv], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    play("--out", "whole")
    whole = next(tmp_path.glob("whole/*/*/a/seed0"))
    rows = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [row["updates"] for row in rows] == [1, 2, 3] and rows[0]["width"] == 4
    recorded = json.loads((whole / "config.json").read_text())["config"]
    assert recorded["algo_options"]["bag_width"] == 4

    play("--out", "cut", "--no-eval")
    cut = next(tmp_path.glob("cut/*/*/a/seed0"))
    for name in ("metrics.jsonl", "episodes.jsonl", "timing.jsonl"):
        lines = (cut / name).read_text().splitlines(keepends=True)
        (cut / name).write_text("".join(lines[: len(lines) * 2 // 3]))
    (cut / "checkpoints" / "iteration-000003.pt").unlink()
    play("--out", "cut", "--resume")
    for name in ("metrics.jsonl", "episodes.jsonl", "summary.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name


def test_names_of_0_1_still_work_with_a_warning(tmp_path):
    (tmp_path / "old.py").write_text(
        "from colllm_bench.baselines.base import ActorCritic, Algorithm\n"
        "from colllm_bench.objectives.critic_inputs import LOCAL\n"
        "class Old(ActorCritic):\n"
        "    view = LOCAL\n"
        "    def credit(self, episodes): return {}\n"
    )
    with pytest.warns(DeprecationWarning, match="Old.credit is now called compute_advantages"):
        old = load_algorithm(f"{tmp_path}/old.py:Old")
    assert old.critic_slots(3, old.Options(critic_backbone="adapters")) == 3
    assert old.compute_advantages is old.__dict__["credit"]


def test_configurations_of_0_1_are_read():
    path = next((ROOT / "results" / "reference").glob("strategy/cc/*/seed0/config.json"))
    data = json.loads(path.read_text())["config"]
    assert "lam" in data or "gae_lambda" in data.get("algo_options", {})
    config = resolve(RunConfig.from_dict(data))
    check_config(config)
    assert config.algo_options["gae_lambda"] == data.get("lam", 0.8)
    assert resolve(config) == config
