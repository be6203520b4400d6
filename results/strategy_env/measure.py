"""Measure strategy_v0: who wins, what a history foretells, how fast it is.

    python results/strategy_env/measure.py            # about 15 minutes of one core
    python results/strategy_env/measure.py --quick    # a minute, to see that it works

writes ``measured.json`` (raw counts) and ``measured.md`` beside this file, and puts the tables
into docs/strategy.md. ``--tables`` only writes the tables again, from ``measured.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

from colllm_bench.envs.strategy import scripted
from colllm_bench.envs.strategy.env import StrategyEnv
from colllm_bench.evaluation.intervals import wilson

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "strategy.md"
LEVELS, SIZES = (1, 2, 3), (2, 3, 4, 8)
TEAMS = {
    "random": scripted.Random,
    "novice": scripted.Novice,
    "greedy": scripted.GreedyNovice,
    "improved": lambda: scripted.Novice(0.8),
    "expert": scripted.Expert,
}
EPISODES = {"random": 1000, "novice": 2000, "greedy": 300, "improved": 500, "expert": 500}
FIRST_SEED = 1_000_000
"""Held-out campaigns: the evaluation split from this seed on."""


def count_wins(level: int, agents: int, team: str, episodes: int) -> int:
    env = StrategyEnv(agents=agents, level=level, split="eval")
    wins = 0
    for seed in range(FIRST_SEED, FIRST_SEED + episodes):
        for _ in scripted.play(env, [TEAMS[team]() for _ in range(agents)], seed):
            pass
        wins += env.campaign.won
    return wins


def microseconds(level: int, agents: int, agent_turns: int) -> float:
    """Median over five repeats: microseconds of ``env.step`` an agent-turn, texts included.

    The orders are a novice team's, recorded before, so that only the environment is timed.
    """
    env = StrategyEnv(agents=agents, level=level)
    seeds = range(max(1, agent_turns // (agents * env.turns)))
    team = [scripted.Novice() for _ in range(agents)]
    orders = {seed: [actions for _, _, actions in scripted.play(env, team, seed)] for seed in seeds}
    turns = agents * sum(len(days) for days in orders.values())
    times = []
    for _ in range(5):
        spent = 0.0
        for seed, days in orders.items():
            env.reset(seed=seed)
            start = time.perf_counter()
            for actions in days:
                env.step(actions)
            spent += time.perf_counter() - start
        times.append(spent / turns * 1e6)
    return statistics.median(times)


def measure(quick: bool) -> dict:
    import probe  # beside this file; needs torch

    share = 20 if quick else 1
    rows = []
    for level in LEVELS:
        for agents in SIZES:
            start = time.perf_counter()
            env = StrategyEnv(agents=agents, level=level)
            wins = {
                team: [count_wins(level, agents, team, episodes // share), episodes // share]
                for team, episodes in EPISODES.items()
            }
            row = {
                "level": level,
                "agents": agents,
                "turns": env.turns,
                "wins": wins,
                "explained_variance": probe.gap(level, agents, 4000 // share, 2000 // share),
                "microseconds": microseconds(level, agents, 20_000 // share),
            }
            rows.append(row)
            print(f"{line(row)}   ({time.perf_counter() - start:.0f} s)", flush=True)
    machine = {"python": platform.python_version(), "processor": platform.machine()}
    return {"env": "strategy_v0", "split": "eval", "machine": machine, "rows": rows}


HEAD = (
    "| level | agents | turns | random | novice, greedy | novice | 80% right | expert "
    "| joint early / mid / late | local early / mid / late | µs |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: dict) -> str:
    """One row of the table: win rates in percent with 95% Wilson intervals."""

    def rate(team: str) -> str:
        wins, episodes = row["wins"][team]
        low, high = wilson(wins, episodes)
        return f"{100 * wins / episodes:.1f} [{100 * low:.1f}, {100 * high:.1f}]"

    def variance(name: str) -> str:
        return " / ".join(f"{value:.2f}" for value in row["explained_variance"][name])

    cells = [row["level"], row["agents"], row["turns"]]
    cells += [rate(team) for team in ("random", "greedy", "novice", "improved", "expert")]
    cells += [variance("joint"), variance("local"), f"{row['microseconds']:.0f}"]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def tables(data: dict) -> str:
    rows = "\n".join(line(row) for row in data["rows"])
    return f"{HEAD}\n{rows}\n"


def publish(data: dict) -> None:
    """Write measured.md, and the table between the markers of docs/strategy.md."""
    text = tables(data)
    (HERE / "measured.md").write_text("# strategy_v0, measured\n\n" + text, encoding="utf-8")
    page = DOCS.read_text(encoding="utf-8")
    begin, end = "<!-- measured: begin -->\n", "<!-- measured: end -->"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    DOCS.write_text(head + begin + text + end + tail, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth, nothing is written")
    parser.add_argument("--tables", action="store_true", help="tables again, from measured.json")
    args = parser.parse_args()
    raw = HERE / "measured.json"
    if args.tables:
        return publish(json.loads(raw.read_text(encoding="utf-8")))
    import torch

    torch.set_num_threads(1)
    data = measure(args.quick)
    if not args.quick:
        raw.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        publish(data)


if __name__ == "__main__":
    main()
