"""The same numbers on the device as on the CPU: log-probabilities and greedy actions."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from common import Report, device
from models import save_small
from pieces import Play, build, shake

from colllm_bench.models.loading import load_base
from colllm_bench.objectives.batches import collate

AGENTS, EPISODES, TURNS, CLIP = 3, 8, 10, 0.2
ALLOWED = 1e-4
"""Largest difference of log-probabilities in float32, in nats."""


def measure(report: Report) -> None:
    size = (3, 3) if report.tiny else (EPISODES, TURNS)
    tokenizer = load_base("tiny", device="cpu", env="strategy").tokenizer
    with tempfile.TemporaryDirectory() as folder:
        report.part("built-in", lambda: model_parity("tiny", *size))
        for family in ("Llama", "Qwen3"):
            path = save_small(Path(folder) / family, family, tokenizer)
            report.part(family, lambda path=path: model_parity(path, *size))
    passed = [bool(report.data[name].get("passed")) for name in ("built-in", "Llama", "Qwen3")]
    report.add("passed", all(passed))


def team_of(model: str, place: str, dtype: str):
    team = build(model, AGENTS, place, dtype)
    shake(team)
    return team


def play(
    team, size: tuple[int, int], reuse: str = "session", temperature: float = 1.0
) -> Play:
    """``size``: episodes and turns."""
    played = Play(team, size[0], reuse, temperature)
    for _ in range(size[1]):
        played.turn()
    return played


def model_parity(model: str, *size: int) -> dict:
    reference = team_of(model, "cpu", "float32")
    sampled = play(reference, size)
    batch = collate(sampled.episodes, reference.prompts.pad_id)
    with torch.no_grad():
        expected = reference.evaluate_actions(batch).logprobs
    result: dict = {"tokens": len(expected), "cpu_sampled": gaps(batch.logprobs, expected)}
    greedy = ids_of(play(reference, size, temperature=0.0))
    for dtype in ("float32", "bfloat16"):
        team = team_of(model, device(), dtype)
        result[dtype] = on_device(team, size, sampled, expected.to(team.device))
        other = ids_of(play(team, size, temperature=0.0))
        same = sum(a == b for a, b in zip(greedy, other, strict=True))
        result[dtype]["greedy_actions_as_cpu"] = same / len(greedy)
    single = result["float32"]
    result["passed"] = single["greedy_actions_as_cpu"] == 1.0 and all(
        single[key]["largest"] <= ALLOWED
        for key in ("against_cpu", "sampled_against_loss", "cache_against_whole")
        if single[key]
    )
    return result


def on_device(team, size: tuple[int, ...], sampled: Play, expected: torch.Tensor) -> dict:
    """One dtype: the CPU's transcripts scored here, and transcripts sampled here."""
    batch = collate(sampled.episodes, team.prompts.pad_id, team.device)
    with torch.no_grad():
        against_cpu = gaps(team.evaluate_actions(batch).logprobs, expected)
    own, whole = play(team, size), play(team, size, "none")
    batch = own.batch()
    # The numerics of the loss: with gradients, over whole transcripts.
    scores = team.evaluate_actions(batch).logprobs.detach()
    with torch.no_grad():
        again = team.evaluate_actions(batch).logprobs
    ratio = (scores - batch.logprobs).exp()
    same = ids_of(own) == ids_of(whole)
    return {
        "against_cpu": against_cpu,
        "sampled_against_loss": gaps(batch.logprobs, scores),
        "recomputed_against_loss": gaps(again, scores),
        # None where rounding made the two draw different tokens: then the loss is the check.
        "cache_against_whole": gaps(batch.logprobs, whole.batch().logprobs) if same else None,
        "share_of_ratios_beyond_clip": float(((ratio - 1).abs() > CLIP).float().mean()),
        "kl_of_rounding": float((ratio - 1 - ratio.log()).mean()),
    }


def gaps(one: torch.Tensor, other: torch.Tensor) -> dict[str, float]:
    distance = (one.float() - other.float()).abs()
    return {"largest": float(distance.max()), "mean": float(distance.mean())}


def ids_of(played: Play) -> list[list[int]]:
    return [turn.action_ids for e in played.episodes for x in e.trajectories for turn in x.turns]
