"""A finished run's critic on disk, and a new run that starts from it (``--critic-from``).

``critic.safetensors`` holds the heads that gave the values (and a backbone's trained tensors),
``critic.json`` what they belong to. Heads of one critic for the whole team depend neither on the
number of agents nor on level or reward.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from colllm_bench.errors import ConfigError
from colllm_bench.learners.critic_learner import CriticLearner
from colllm_bench.models import base_files
from colllm_bench.runs import files

WEIGHTS, ABOUT = "critic.safetensors", "critic.json"
FLAGS = {
    "critic_backbone": "--critic-backbone", "critic_readout": "--critic-readout",
    "critic_embeddings": "--critic-embeddings", "critic_counts": "--critic-counts",
    "critic_width": "--critic-width",
    "critic_history": "--critic-history", "lora_rank": "--lora-rank",
    "lora_alpha": "--lora-alpha",
}


def save(learner: Any, folder: Path) -> None:
    """Write a critic into a run folder; nothing for a critic of a plug-in's own."""
    if not isinstance(learner, CriticLearner):
        return
    from safetensors.torch import save as packed

    data = packed({k: x.detach().cpu().contiguous() for k, x in _tensors(learner).items()})
    files.atomic_write(folder / WEIGHTS, lambda file: file.write(data))
    files.write_json(folder / ABOUT, about(learner))


def load(learner: Any, run: str | Path) -> None:
    """Start a critic from that of a finished run. Its units of inputs and targets come with it;
    those of targets are exchanged at the first update, values staying what they are, where the
    returns here are on another scale (:meth:`ValueHead.rescale_targets`).

    Raises:
        ConfigError: no run with a critic, or one that does not fit: says what differs.
    """
    run = Path(run)
    if not isinstance(learner, CriticLearner):
        raise ConfigError(
            f"critic_from {str(run)!r} with a critic that has no value heads",
            allowed="algorithms with critic_input and --critic learned", fix="leave it out",
        )
    from safetensors.torch import load as unpacked

    try:
        found = json.loads((run / ABOUT).read_text(encoding="utf-8"))
        state = unpacked((run / WEIGHTS).read_bytes())
    except (OSError, ValueError) as error:
        fix = "check the path"
        if (run / "summary.json").exists():
            fix = "a run of an algorithm with a critic of ours; this one has none"
        elif (run / "config.json").exists():
            fix = f"python -m colllm_bench.run --resume {run}"
        raise ConfigError(
            f"critic_from {str(run)!r}: no critic can be read there ({error})",
            allowed="the folder of a finished run of an algorithm with a critic", fix=fix,
        ) from error
    except Exception as error:  # safetensors' own error type is no ValueError
        raise ConfigError(
            f"critic_from {str(run)!r}: {WEIGHTS} is damaged ({error})", fix="copy it again"
        ) from error
    _require_fit(run, found, about(learner))
    here = _tensors(learner)
    if here.keys() != state.keys() or any(here[k].shape != state[k].shape for k in here):
        raise ConfigError(f"{run / WEIGHTS} does not hold what {ABOUT} says", fix="copy it again")
    with torch.no_grad():
        for name, tensor in here.items():
            tensor.copy_(state[name])
        for head, averaged in zip(learner.critic.heads, learner.averaged, strict=True):
            head.load_state_dict(averaged.state_dict())
    learner.carried = True


def about(learner: CriticLearner) -> dict[str, Any]:
    """What must be equal for a critic's tensors to mean the same, and how many agents it had."""
    o, team = learner.options, learner.team
    digest = team.loaded.digest
    if o.critic_model is not None:
        digest = base_files.digest(base_files.find_source(o.critic_model, learner.config.env))
    names = [name for name in FLAGS if name.startswith("critic_")]
    described = {name: getattr(o, name) for name in names}
    if o.critic_backbone == "adapters":
        described |= {name: getattr(learner.config, name) for name in ("lora_rank", "lora_alpha")}
    return {
        "base": digest, "critics": len(learner.critic.heads), "agents": len(team.agents),
        **described,
    }


def _require_fit(run: Path, found: dict[str, Any], here: dict[str, Any]) -> None:
    if found.get("critics") != here["critics"]:
        raise ConfigError(
            f"critic_from {str(run)!r}: it has {found.get('critics')} critics (of "
            f"{found.get('agents')} agents), this run needs {here['critics']}",
            allowed="as many critics: one each agent of dc, one whatever the team of cc, seq, hier",
            fix=f"--agents {found.get('agents')}" if found.get("critics", 1) > 1 and
            here["critics"] > 1 else "the critic of a run of the same algorithm",
        )
    if found.get("base") != here["base"]:
        raise ConfigError(
            f"critic_from {str(run)!r}: it reads a base model with digest {found.get('base')}, "
            f"this run's has {here['base']}",
            allowed="runs with one base model (and one --critic-model)",
        )
    found = {"critic_counts": 0} | found  # of before it was an option
    for name, flag in FLAGS.items():
        if found.get(name) != here.get(name):
            raise ConfigError(
                f"critic_from {str(run)!r}: its {name} is {found.get(name)}, this run's "
                f"{here.get(name)}", fix=f"{flag} {found.get(name)}",
            )


def _tensors(learner: CriticLearner) -> dict[str, torch.Tensor]:
    """The averaged heads with their units, and what of the backbones is trained, by name."""
    state = {
        f"head.{i}.{name}": tensor
        for i, head in enumerate(learner.averaged) for name, tensor in head.state_dict().items()
    }
    for i, tensors in learner.groups.items():
        heads = {id(parameter) for parameter in learner.critic.heads[i].parameters()}
        backbone = [tensor for tensor in tensors if id(tensor) not in heads]
        state |= {f"backbone.{i}.{k}": tensor for k, tensor in enumerate(backbone)}
    return state
