"""One family of models through all that a run does with it."""

from __future__ import annotations

import tempfile
import warnings

import torch
from helpers import batch_of, build_team, config_for, play, shake

from colllm_bench.baselines.options import ActorCriticOptions
from colllm_bench.errors import ConfigError
from colllm_bench.learners.micro_batching import MicroBatchSizer
from colllm_bench.models.critic import Critic
from colllm_bench.models.probes import trial_ids
from colllm_bench.objectives import critic_inputs

DEBUG = False
PARITY = 1e-3
"""Log-probabilities that are sampled, scored, recomputed and loaded by PEFT differ by less."""


def check_family(family: str, tokenizer) -> tuple[str, str]:
    """(verdict, reason): ``works``, ``slow`` (no cache for ragged rows), ``refused`` (one line),
    ``not tried`` (no tiny model of it could be made here) or ``fails``."""
    from model_families import small_model

    try:
        model = small_model(family)
        with torch.no_grad():
            model(input_ids=trial_ids(model), use_cache=False)
        folder = tempfile.mkdtemp()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except Exception as error:
        return "not tried", " ".join(str(error).split())[:120]
    try:
        return _through_a_run(folder)
    except ConfigError as error:
        return "refused", str(error).partition(";")[0].replace(folder, "FOLDER")[:160]
    except Exception as error:
        if DEBUG:
            raise
        return "fails", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _through_a_run(folder: str) -> tuple[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        team = build_team(folder, 2, critics=1)
        faults = _faults(team, folder)
    if faults:
        return "fails", ", ".join(faults)
    layers = sorted({name.rpartition(".")[2] for name in team.adapters.layers})
    return ("works" if team.supports_kv_cache else "slow"), " ".join(layers)


def _faults(team, folder: str) -> list[str]:
    shake(team)
    episodes = play(team, drop={0: [2, 0]})
    batch = batch_of(team, episodes)
    options = ActorCriticOptions(critic_backbone="adapters")
    critic = Critic.build(config_for(folder), team, 1, options)
    MicroBatchSizer.for_model(team.model, config_for(folder), team.device)
    readings = [critic_inputs.joint(e) for e in episodes]
    with torch.no_grad():
        for tensor in critic.parameters()[0]:
            tensor.add_(0.1)
    scores = team.evaluate_actions(batch).logprobs
    gap = (scores - batch.logprobs).abs().max().item()
    faults = [] if gap < PARITY else [f"scored differs from sampled by {gap:.1g}"]
    values = critic.values(critic.features(readings), critic.tables(readings))
    (scores.sum() + values.sum()).backward()
    tensors = [t for ts in team.parameters().values() for t in ts]
    tensors += critic.heads[0].parameters()  # a layer of the output's own is none of the critic's
    if any(tensor.grad is None for tensor in tensors):
        faults.append("some tensors are no part of the loss")
    faults += _checkpointed(team, folder, batch)
    gap = _gap_to_peft(team, batch, scores.detach(), folder)
    return faults if gap < PARITY else [*faults, f"PEFT differs by {gap:.1g}"]


def _checkpointed(team, folder: str, batch) -> list[str]:
    if not team.model.supports_gradient_checkpointing:
        return []
    plain = [torch.zeros_like(t) if t.grad is None else t.grad.clone()
             for ts in team.parameters().values() for t in ts]
    again = build_team(folder, 2, critics=1, gradient_checkpointing=True)
    again.load_state_dict(team.state_dict())
    again.evaluate_actions(batch).logprobs.sum().backward()
    grads = [t.grad for ts in again.parameters().values() for t in ts]
    size = max(g.abs().max().item() for g in plain)
    gap = max((a - b).abs().max().item() for a, b in zip(plain, grads)) / size
    return [] if gap < PARITY else [f"checkpointed gradients differ by {gap:.1g}"]


def _gap_to_peft(team, batch, scores, folder: str) -> float:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    saved = tempfile.mkdtemp()
    team.save(saved)
    rows = batch.agent == 1
    base = AutoModelForCausalLM.from_pretrained(folder).eval()
    alone = PeftModel.from_pretrained(base, f"{saved}/agent_1").eval()
    with torch.no_grad():
        logits = alone(input_ids=batch.ids[rows], use_cache=False).logits[:, :-1].float()
    each = torch.log_softmax(logits, -1).gather(2, batch.ids[rows][:, 1:, None])[..., 0]
    theirs = each[batch.action_mask[rows][:, 1:]]
    return (theirs - scores[batch.agent_of_token == 1]).abs().max().item()
