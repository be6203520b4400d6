"""Twenty held-out stories of a team, as text to read: premise, sections, components.

    python results/writing_env/samples.py untrained > stories.txt
    python results/writing_env/samples.py results/reference/writing/cc/default/seed0
    python results/writing_env/samples.py scripted --count 3
"""

from __future__ import annotations

import argparse

from colllm_bench.config import RunConfig
from colllm_bench.envs.writing import text
from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.scripted import read
from colllm_bench.evaluation import held_out
from colllm_bench.teams.specs import load_team, team_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("team", help="a run folder, untrained, scripted or random")
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    config = team_config(args.team, RunConfig(env="writing", algo="mc", threads=1))
    config = config.replace(eval_episodes=args.count)
    scripted = args.team in ("scripted", "random")
    team = load_team(args.team, config)
    for k, episode in enumerate(held_out.play_held_out(config, team, scripted=scripted)):
        first = episode.trajectories[0]
        premise, _, _ = read(first.instructions)
        required = [read(x.instructions)[0].required[i] for i, x in enumerate(episode.trajectories)]
        print(f"**Premise.** {premises.full_premise(premise)} Words: {', '.join(required)}.\n")
        for i, trajectory in enumerate(episode.trajectories):
            print(f"{i + 1}. {text.clean(trajectory.turns[-1].action_text) or '(nothing)'}")
        marks = ", ".join(f"{name} {value:.2f}" for name, value in episode.score.items())
        print(f"\n*{marks}* (held-out {k})\n")


if __name__ == "__main__":
    main()
