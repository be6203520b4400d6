"""A warm-started model as a folder like any other: merged, with a card that says what it is."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any

from colllm_bench import registry
from colllm_bench.runs.files import write_json, writing
from colllm_bench.runs.naming import agent_folder
from colllm_bench.setup.resolve import WARM_START
from colllm_bench.warm_start.cloning import PLAYS, Progress
from colllm_bench.warm_start.plan import Plan

WORK = ".warm_start"
"""Folder within the model's own, of checkpoints and of files that are not whole yet."""
_CARD = """---
library_name: transformers
tags: [multi-agent, warm-start]
---
# {model}, warm-started on {id}

`{model}` ({digest}) after behaviour cloning of scripted *novices* in {id}, so that reinforcement
learning starts above zero. The novices know the forms, and their most likely choice is wrong, on
purpose: this is a starting point, and good for little else. Its licence is that of `{model}`.

* Made by: `{command}`
* Demonstrations: {episodes} episodes of {agents} agents on tasks of the split `train`
  ({tokens:,} tokens read, loss on the {actions:,} that the novices wrote).
* Prompts: style `{style}`, the model's own chat template, as in a rollout.
* {tuning}; {steps} steps.
* Loss: {first:.3f} nats per action token over the first ten steps, {last:.3f} over the last ten.
* Development set: {dev} tasks of the split `dev`, sampled; the novices' own return there, each
  task played {plays} times, is {goal:.3f}. {reached}

| step | return | win rate | invalid actions |
|---|---|---|---|
{checks}

| setting | value |
|---|---|
{settings}
"""


def save(plan: Plan, policy: Any, progress: Progress, folder: Path, command: list[str]) -> None:
    """Write the merged model into ``folder``; ``config.json``, by which it is found, comes last.

    Raises:
        RunError, ConfigError: the disk is full or refuses; the checkpoints stay.
    """
    from colllm_bench.models.loading import load_base

    work = folder / WORK
    with writing(folder):
        policy.save(work / "team")
        # Merged in float32, whatever it was trained in: small updates are not rounded away.
        first = work / "team" / agent_folder(policy.agents[0])
        loaded = load_base(str(first), device="cpu", dtype="float32")
        loaded.model.save_pretrained(work / "model")
        policy.tokenizer.save_pretrained(work / "model")
        text = card(plan, progress, policy.loaded.digest, command)
        (work / "model" / "README.md").write_text(text, encoding="utf-8")
        write_json(work / "model" / WARM_START, {
            **plan.to_dict(), "goal": progress.goal, "reached": progress.reached,
            "checks": progress.checks, "losses": progress.losses, "tokens": progress.tokens,
        })
        files = sorted((work / "model").iterdir(), key=lambda path: path.name == "config.json")
        for path in files:
            os.replace(path, folder / path.name)
        shutil.rmtree(work)


def card(plan: Plan, progress: Progress, digest: str | None, command: list[str]) -> str:
    """The model card: what went in, and what came of it."""
    c, tuning = plan.config, "All weights were trained"
    if c.tuning == "lora":
        tuning = f"LoRA of rank {c.lora_rank} on all linear layers, merged"
    rows = []
    for row in progress.checks:
        wins = "" if row["success"] is None else f"{row['success']:.3f}"
        rows.append(f"| {row['step']} | {row['return']:.3f} | {wins} | {row['invalid']:.3f} |")
    return _CARD.format(
        model=c.model, id=registry.env_spec(c.env).id, digest=f"digest {digest}",
        command=shlex.join(["python", "-m", "colllm_bench.pretrain", *command]),
        episodes=plan.episodes * progress.step, agents=c.agents, tokens=progress.tokens[0],
        actions=progress.tokens[1], style=c.style, tuning=tuning, steps=progress.step,
        first=fmean(progress.losses[:10]), last=fmean(progress.losses[-10:]),
        dev=plan.dev_episodes, plays=PLAYS, goal=progress.goal,
        reached="It was reached." if progress.reached else "**It was not reached.**",
        checks="\n".join(rows),
        settings="\n".join(f"| {key} | {value} |" for key, value in plan.to_dict().items()),
    )
