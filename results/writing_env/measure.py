"""What docs/writing.md says of the environment: teams, texts that game, fluency, cost of scoring.

    OMP_NUM_THREADS=1 python results/writing_env/measure.py

Writes ``measured.json`` (every episode's quality) and ``measured.md`` (the tables). Held-out
premises. No torch.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from statistics import fmean, median

from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.envs.writing.language import premises, words
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import write
from colllm_bench.envs.writing.scoring import fluency, ngram_model, rewards
from colllm_bench.envs.writing.scripted import Expert, GreedyNovice, Novice, Random, play
from colllm_bench.evaluation.intervals import mean_interval

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "support"))
EPISODES, GAMES = 200, 40
TEAMS = {"random": Random, "novice, greedy": GreedyNovice, "novice": Novice, "expert": Expert}
AGENTS = (2, 3, 4, 8, 16)


def team(make, agents: int, turns: int) -> tuple[list[float], dict[str, float]]:
    """Final qualities, and the mean of every component."""
    qualities, components = [], []
    env = WritingEnv(agents=agents, turns=turns, split="eval")
    for seed in range(EPISODES):
        for _ in play(env, [make() for _ in range(agents)], seed):
            pass
        qualities.append(env._score["quality"])
        components.append(env._score)
    return qualities, {name: fmean(c[name] for c in components) for name in rewards.COMPONENTS}


def gaming() -> dict[str, list[float]]:
    """Qualities of the degenerate texts that the tests hold down, three agents."""
    from test_env_writing_rewards import DEGENERATE
    from test_env_writing_rewards import team as rate

    found = {}
    for name, make in DEGENERATE.items():
        found[name] = []
        for seed in range(GAMES):
            rng = random.Random(seed)
            premise = premises.draw(3, rng, "eval")
            found[name].append(rate(make(premise, rng), premise)["quality"])
    return found


VERBS = "held kissed opened married painted ate".split()


def nonsense(premise, rng) -> list[str]:
    """Grammatical sentences of no sense that name all that the premise asks for."""
    sections = []
    for k, link in enumerate(("Once,", "But then", "In the end")):
        def some(rows=words.REQUIRED):
            return rng.choice(rows)
        sections.append(
            f"{link} {premise.hero.name} {some(VERBS)} the {some()} of a {some()} in "
            f"{premise.place}, and a {premise.object} {some(VERBS)} {premise.friend.name}. The "
            f"{premise.villain} {premise.deed} a {words.TONES[premise.tone][k]} "
            f"{premise.required[k]} under the {some()}. A {some()} {some(VERBS)} the {some()}."
        )
    return sections


def limits() -> dict[str, list[float]]:
    """Texts that score higher than they should: what the score cannot see."""
    from test_env_writing_rewards import team as rate

    found = {"grammatical nonsense on the premise": [], "the expert's sections in reverse": []}
    for seed in range(GAMES):
        rng = random.Random(seed)
        premise = premises.draw(3, rng, "eval")
        backwards = [write(premise, k, 30, rng) for k in range(3)][::-1]
        for kind, sections in zip(found, (nonsense(premise, rng), backwards)):
            found[kind].append(rate(sections, premise)["quality"])
    return found


def judged() -> dict[str, list[float]]:
    """Fluency by the reference, of texts by the section."""
    from test_env_writing_rewards import HUMAN

    model, rng = ngram_model.load(), random.Random(9)
    drawn = [premises.draw(3, rng, "eval") for _ in range(100)]
    expert = [tk.read(write(p, k, 30, rng)) for p in drawn for k in range(3)]
    human = [tk.read(section) for story in HUMAN for section in story]

    def rate(texts):
        return [model.fluency(t, tk.find_names([t])) for t in texts]

    return {
        "expert": rate(expert),
        "expert, shuffled": rate(ngram_model.shuffled(t, rng) for t in expert),
        "stories no script wrote": rate(human),
        "the same, shuffled": rate(ngram_model.shuffled(t, rng) for t in human),
    }  # fmt: skip


def cost(agents: int, words: int, judge: str) -> float:
    """Microseconds of scoring an agent-turn: the median of seven rounds of CPU time."""
    rng = random.Random(3)
    stories = []
    for _ in range(20):
        premise = premises.draw(agents, rng)
        stories.append(([write(premise, k, words, rng) for k in range(agents)], premise))
    model = fluency.scorer(judge)
    rounds = []
    for _ in range(7):
        began = time.process_time()
        for sections, premise in stories:
            rewards.score(sections, premise, words, model)
        rounds.append((time.process_time() - began) / len(stories) / agents)
    return 1e6 * median(rounds)


def main() -> None:
    data = {
        "teams": [], "gaming": gaming(), "limits": limits(), "fluency": judged(), "cost": [],
    }
    lines = ["| agents | random | novice, greedy | novice | expert |", "|---|---|---|---|---|"]
    for agents in AGENTS:
        cells = []
        for name, make in TEAMS.items():
            qualities, components = team(make, agents, 1)
            data["teams"].append({"team": name, "agents": agents, "qualities":
                                  [round(q, 4) for q in qualities], "components": components})
            mean, low, high = mean_interval(qualities)
            cells.append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {agents} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    lines += ["", "| component | random | novice, greedy | novice | expert |"]
    lines += ["|---|---|---|---|---|"]
    three = {row["team"]: row["components"] for row in data["teams"] if row["agents"] == 3}
    lines += [
        f"| {name} | " + " | ".join(f"{three[t][name]:.2f}" for t in TEAMS) + " |"
        for name in rewards.COMPONENTS
    ]
    lines += ["", "| texts | mean quality | highest of 40 |", "|---|---|---|"]
    rows = {**data["gaming"], **{f"limit: {k}": v for k, v in data["limits"].items()}}
    lines += [f"| {k} | {fmean(v):.3f} | {max(v):.3f} |" for k, v in rows.items()]
    lines += ["", "| sections | n | mean fluency | lowest | highest |", "|---|---|---|---|---|"]
    lines += [
        f"| {k} | {len(v)} | {fmean(v):.2f} | {min(v):.2f} | {max(v):.2f} |"
        for k, v in data["fluency"].items()
    ]
    lines += ["", "| agents | words | fluency | µs an agent-turn |", "|---|---|---|---|"]
    for agents, length in ((3, 30), (8, 30), (16, 30), (3, 120)):
        for judge in ("off", "reference"):
            value = cost(agents, length, judge)
            data["cost"].append([agents, length, judge, round(value, 1)])
            lines.append(f"| {agents} | {length} | {judge} | {value:.0f} |")
    (HERE / "measured.json").write_text(json.dumps(data) + "\n")
    (HERE / "measured.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
