"""What a run will need, told before its model is loaded.

Parts that stay (libraries, base, adapters, gradients and the optimizer, critics) and the largest of
the phases that follow each other: loading, a rollout (cache, activations, logits), the critic's
reading, an update. results/benchmarks/memory has it beside what was measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from colllm_bench.config import RunConfig
from colllm_bench.errors import ColllmError
from colllm_bench.learners.micro_batching import total_memory
from colllm_bench.models.loading import resolve_device
from colllm_bench.models.outline import outline
from colllm_bench.objectives.batches import padded_tokens
from colllm_bench.runs.provenance import peak_memory
from colllm_bench.setup.resolve import load_algorithm
from colllm_bench.training.memory_shapes import Shapes, longest_episodes

MIB = 2**20
LATER = 40 * MIB
"""What a process loads and keeps later on: further modules, texts of episodes, freed memory that is
not given back (measured: 20 MiB after loading a model, 60 after a rollout)."""


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run needs at its peak.

    Attributes:
        parts: what stays, by name.
        phases: what comes on top in each phase; one at a time.
        available: what the device (or this machine, for this process) has; None: not known.
        device: ``cpu`` or ``cuda``.
        tokens: of the longest transcript that was played for it.
    """

    parts: dict[str, int]
    phases: dict[str, int]
    available: int | None
    device: str
    tokens: int

    @property
    def total(self) -> int:
        """The fixed parts and the largest phase."""
        return sum(self.parts.values()) + max(self.phases.values())

    @property
    def exceeds(self) -> bool:
        """Whether it is more than there is."""
        return self.available is not None and self.total > self.available

    def line(self) -> str:
        """One line: what is needed, of what, and what there is."""
        fixed = ", ".join(f"{name} {size / MIB:,.0f}" for name, size in self.parts.items() if size)
        phase = max(self.phases, key=lambda name: self.phases[name])
        have = f"; there are {self.available / MIB:,.0f}" if self.available is not None else ""
        return (
            f"memory: about {self.total / MIB:,.0f} MiB on {self.device} ({fixed}; {phase} "
            f"{self.phases[phase] / MIB:,.0f}){have}"
        )

    def table(self) -> list[str]:
        """Lines of a table in MiB, for a comment."""
        rows = [(name, size, "") for name, size in self.parts.items()]
        most = max(self.phases.values())
        notes = {True: "  the largest of the phases", False: "  not at the same time"}
        rows += [(name, size, notes[size == most]) for name, size in self.phases.items()]
        rows.append(("in all", self.total, ""))
        if self.available is not None:
            rows.append((f"there is on {self.device}", self.available, ""))
        width = max(len(name) for name, _, _ in rows)
        head = f"memory in MiB, estimated ({self.tokens} tokens a transcript):"
        return [head, *(f"  {n:<{width}}  {size / MIB:>9,.1f}{note}" for n, size, note in rows)]


def estimate(config: RunConfig) -> Estimate:
    """What a run needs, by its settings and its model's shapes; no weights are loaded.

    Args:
        config: resolved.

    Raises:
        ConfigError: no such model or device, or a model of which no outline can be made.
    """
    device = resolve_device(config.device)
    central = load_algorithm(config.algo).centralized_execution
    how = {
        "device": device, "dtype": config.dtype, "chat_template": config.chat_template,
        "env": config.env, "central": central, "trust_remote_code": config.trust_remote_code,
    }
    base = outline(config.model, **how)
    episodes = longest_episodes(config, base)
    shapes = Shapes(config, base, device, episodes)
    parts = {"base": shapes.base, **shapes.trained()}
    if getattr(shapes.options, "critic_model", None) is not None:
        parts["critic's base"] = outline(shapes.options.critic_model, **how).size
    phases = {"rollout": shapes.rollout(), **shapes.learning()}
    if device.type == "cpu":
        # The files are read by mapping them. Weights of another dtype stand beside their pages,
        # before there is anything that learns; of the same dtype they are those pages.
        beside = base.stored if abs(base.stored - base.size) > base.size / 20 else 0
        phases = {"loading": max(0, beside - sum(shapes.trained().values())), **phases}
        parts = {"libraries": resident() + LATER, **parts}
    return Estimate(
        parts, phases, available(device), device.type,
        padded_tokens(episodes) // len(episodes[0].trajectories),
    )


def told(config: RunConfig, *, as_table: bool = False) -> list[str]:
    """:func:`estimate` in lines, one or a table, and a warning where there is less than is needed;
    of a model that cannot be outlined why, and nothing where a stranger's code fails: the run
    itself then fails with its own words."""
    try:
        found = estimate(config)
    except ColllmError as error:
        return [f"memory: not estimated ({error})"]
    except Exception:
        return []
    lines = found.table() if as_table else [found.line()]
    if found.exceeds:
        lines.append(
            "warning: that is more than there is; --gradient-checkpointing, a smaller --batch or "
            "--micro-batch, fewer agents or turns, --dtype bfloat16 or a smaller --model take less"
        )
    return lines


def resident() -> int:
    """Bytes of memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return int(peak_memory()["memory_mib"] * MIB)
    return pages * os.sysconf("SC_PAGE_SIZE")


def available(device: torch.device) -> int | None:
    """Bytes that a run on ``device`` may take: of a GPU what is free now, of a machine this
    process's part of all; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return total_memory(device)
    except (ValueError, OSError):
        return None
