"""First answers of a real model, to be read: what it does wrong because it was not told.

    python results/smollm2/transcripts.py                     # SmolLM2, all environments
    python results/smollm2/transcripts.py MODEL ENV STYLE     # one model, environment and style
    python results/smollm2/transcripts.py --table             # counts of what is there

Two agents on ten development tasks, their first answers, greedy and at temperature 1: 20 answers
each. Answers are cut off after :data:`LONGEST` tokens. ``transcripts.jsonl`` has a line an answer.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FILE = HERE / "transcripts.jsonl"
ENVS = ("strategy", "coding", "writing", "credit", "classic")
STYLES, TEMPERATURES = ("full", "brief"), (0.0, 1.0)
LONGEST = {"coding": 160, "writing": 160}
"""Tokens of an answer; of the other environments as many as a run allows."""
TASKS, SHOWN = 10, 200


def first_answers(model: str, env: str, style: str, temperature: float) -> Iterator[dict[str, Any]]:
    import torch

    from colllm_bench.config import RunConfig
    from colllm_bench.evaluation.held_out import play_held_out
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.teams.language_model import LanguageModelTeam
    from colllm_bench.teams.loading import build_team, seat_names

    class FirstAnswers(LanguageModelTeam):
        """Answers once; an episode whose team stays silent is ended by the rollout."""

        def act(self, turns: Sequence[Sequence[Any]]) -> None:
            if len(self.running[0].trajectories[0].turns) == 1:
                super().act(turns)

        def observe_final(self, trajectory: Any, observation: str) -> None:
            pass

    torch.set_num_threads(1)
    config = resolve(RunConfig(
        env=env, agents=2, model=model, style=style, device="cpu", dtype="bfloat16", threads=1,
        share="all", batch=TASKS, eval_episodes=TASKS,
    ))
    policy = build_team(config, seat_names(config, None))
    longest = min(config.max_action_tokens or 0, LONGEST.get(env, 1 << 16))
    team = FirstAnswers(policy, temperature=temperature, max_action_tokens=longest, seed=0)
    for task, episode in enumerate(play_held_out(config, team, split="dev")):
        for trajectory in episode.trajectories:
            turn = trajectory.turns[0]
            ids = turn.action_ids or ()
            yield {
                "model": Path(model).name, "env": env, "style": style, "temperature": temperature,
                "task": task, "agent": trajectory.agent, "prompt": len(turn.prompt_ids or ()),
                "tokens": len(ids), "ended": ids[-1] in policy.prompts.end_ids,
                "invalid": _fault(turn.info),
                "reward": round(turn.reward or 0.0, 3), "answer": (turn.action_text or "")[:SHOWN],
            }


def _fault(info: Mapping[str, Any]) -> str:
    """Why an answer is none, as the environment said it, without what it says of all of them."""
    if not info["invalid"]:
        return ""
    notice = str(info["notice"])
    inner = re.search(r"\((it .*|one word .*)\)", notice)
    told = (inner[1] if inner else notice).partition(",")[0]
    return re.sub(r"none of \w+$", "none of the words", told)


def write(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a file in place of those of the same model, environment and style."""
    from colllm_bench.runs import files

    def key(row: dict[str, Any]) -> tuple[str, ...]:
        return row["model"], row["env"], row["style"]

    new = {key(row) for row in rows}
    kept = [row for row in read(out) if key(row) not in new]
    files.write_text(out, "".join(json.dumps(row) + "\n" for row in [*kept, *rows]))


def read(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each model, environment and style: of the answers, how many are valid and how
    many end before they are cut off, greedy and sampled; the most frequent fault of each."""
    groups: dict[tuple[str, ...], dict[float, list[dict[str, Any]]]] = {}
    for row in rows:
        name = (row["model"], row["env"], row["style"])
        groups.setdefault(name, {}).setdefault(row["temperature"], []).append(row)
    lines = ["| model | environment | style | greedy: valid, ended | most frequent fault "
             "| at temperature 1: valid, ended | most frequent fault |",
             "|---|---|---|---|---|---|---|"]
    for name, own in groups.items():
        cells = [cell for t in TEMPERATURES for cell in _counts(own[t])]
        lines.append(f"| {' | '.join([*name, *cells])} |")
    return "\n".join(lines)


def _counts(rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    valid, ended = sum(not row["invalid"] for row in rows), sum(row["ended"] for row in rows)
    faults = Counter(row["invalid"] for row in rows if row["invalid"]).most_common(1)
    return f"{valid}, {ended} of {len(rows)}", "".join(f"{n} x {told}" for told, n in faults)


def main(words: Sequence[str]) -> None:
    if list(words) == ["--table"]:
        print(table(read(FILE)))
        return
    if len(words) not in (0, 3):
        sys.exit(__doc__)
    model, *only = words or ["smollm2"]
    chosen = [only] if only else [[env, style] for env in ENVS for style in STYLES]
    for env, style in chosen:
        rows = [row for t in TEMPERATURES for row in first_answers(model, env, style, t)]
        write(FILE, rows)
        print(table(rows), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
