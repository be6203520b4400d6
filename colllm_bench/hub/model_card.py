"""The README.md of a team on the hub: what it is, how good, how it was made, how to load it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from colllm_bench import cli
from colllm_bench.config import RunConfig

TEAMS = {
    "trained": "this team", "untrained": "the model before training", "scripted": "scripted expert",
    "random": "random team",
}
MEASURES = ("score", "return", "success")


def model_card(
    config: RunConfig, summary: dict[str, Any], environment: dict[str, Any],
    license: str | None = None,
) -> str:
    """Markdown with the front matter that the hub reads.

    Args:
        config: of the run, resolved.
        summary: ``summary.json``.
        environment: ``environment.json``.
        license: as the hub names it; None: the card names none.
    """
    return "\n".join([
        *_front_matter(config, license),
        f"# A team of {config.agents} on `{config.env}`, trained with `{config.algo}`", "",
        f"{config.agents} agents that share one frozen base model and have "
        f"{'an adapter' if config.tuning == 'lora' else 'weights'} each (`team/`). They were "
        f"trained together, for one team reward, for {summary['episodes']:,} episodes with "
        "colllm_bench.", "",
        *_results(config, summary),
        "## Use", "", *_use(config),
        "## How it was made", "", "```",
        shlex.join(["python", "-m", "colllm_bench.run", *cli.command_line(
            config.replace(model=_base(config)), always=("env", "algo", "seed"))]), "```", "",
        *_made_with(environment),
        "`config.json` holds all settings, `metrics.jsonl` the training, `summary.json` every "
        "held-out episode.", "",
    ])


def _hub_id(model: str) -> bool:
    """Whether a ``--model`` is a repository of the hub, and no file or built-in name."""
    return model.count("/") == 1 and not Path(model).exists() and model[0] not in "./~"


def _base(config: RunConfig) -> str:
    """The base model without the folders of the machine it lay on."""
    return config.model if _hub_id(config.model) else Path(config.model).name


def _front_matter(config: RunConfig, license: str | None) -> list[str]:
    adapters = config.tuning == "lora"
    return [
        "---",
        *(["library_name: peft"] if adapters else []),
        *([f"base_model: {config.model}"] if _hub_id(config.model) else []),
        *([f"license: {license}"] if license else []),
        "tags:", "- colllm-bench", "- multi-agent", "- reinforcement-learning",
        "---", "",
    ]


def _results(config: RunConfig, summary: dict[str, Any]) -> list[str]:
    measures = [m for m in MEASURES if "trained" in summary.get(m, {})]
    teams = [team for team in TEAMS if team in summary["held_out"]]
    n = len(summary["held_out"]["trained"]["returns"])
    rows = [
        f"| {TEAMS[team]} | " + " | ".join(_interval(summary[m].get(team)) for m in measures) + " |"
        for team in teams
    ]
    return [
        f"## Results on {n} held-out tasks", "",
        "| team | " + " | ".join(measures) + " |", "|---|" + "---|" * len(measures), *rows, "",
        "Means and their 95% intervals over tasks. One training run (seed "
        f"{config.seed}): the intervals say nothing of other seeds. Score: 0 is the random team, "
        f"1 the scripted expert. Tasks: split `{config.eval_split}`.", "",
    ]


def _interval(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    ends = "" if result["low"] is None else f" ({result['low']:.3f} to {result['high']:.3f})"
    return f"{result['mean']:.3f}{ends}"


def _use(config: RunConfig) -> list[str]:
    lines = [
        "The whole team, on held-out tasks:", "", "```",
        "hf download THIS_REPOSITORY --local-dir team-run",
        "python -m colllm_bench.evaluate team-run", "```", "",
    ]
    if config.tuning == "lora":
        lines += [
            "One agent, without colllm_bench (its folder below `team/` is named after it):", "",
            "```python", "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM", "",
            f"base = AutoModelForCausalLM.from_pretrained({_base(config)!r})",
            'agent = PeftModel.from_pretrained(base, "THIS_REPOSITORY", subfolder="team/AGENT")',
            "```", "",
        ]
    return lines


def _made_with(environment: dict[str, Any]) -> list[str]:
    keys = ("colllm_bench", "torch", "transformers", "commit")
    parts = [f"{key} {environment[key]}" for key in keys if environment.get(key)]
    return [f"Versions: {', '.join(parts)}.", ""] if parts else []
