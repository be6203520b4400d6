"""Critics: a value head on any Hugging Face transformer.

The head reads the last hidden state (after the final norm) at the last token of an
observation. By default the transformer is the team's own frozen base with adapters of the
critic's, so a critic costs kilobytes; a separate backbone is an option.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from colllm_bench.adapters import AdapterSet, attach
from colllm_bench.batch import ValueBatch
from colllm_bench.config import RunConfig
from colllm_bench.loading import load_base


class Critic:
    """One or several value functions V(history). Build with :meth:`build`.

    Args:
        models: the backbone of each critic; a single one serves all through ``adapters``.
        adapters: its adapters, or None when whole models are trained.
        slots: the adapter slot of each critic.
    """

    def __init__(
        self, models: list[nn.Module], adapters: AdapterSet | None, slots: list[int], device
    ):
        self.models, self.adapters, self.slots = models, adapters, slots
        width = models[0].get_output_embeddings().weight.shape[1]
        # Zero: the first values are 0 everywhere, and the first advantages plain returns.
        self.weights = [nn.Parameter(torch.zeros(width, device=device)) for _ in slots]
        self.biases = [nn.Parameter(torch.zeros(1, device=device)) for _ in slots]
        self._slots = torch.tensor(slots, device=device)

    @classmethod
    def build(
        cls, config: RunConfig, team: Any, slots: int, *, generator: torch.Generator | None = None
    ) -> Critic:
        """``slots`` critics, as ``config`` asks.

        Args:
            team: lends its base, when it was built with that many ``critic_slots``.
            generator: draws the adapters of a separate backbone.
        """
        if config.critic_model is None and len(team.critic_slots) >= slots:
            return cls([team.model], team.adapters, team.critic_slots[:slots], team.device)
        loaded = load_base(
            config.critic_model or config.model,
            device=str(team.device),
            dtype=team.model.dtype,
            chat_template=config.chat_template,
            gradient_checkpointing=config.gradient_checkpointing,
        )
        if config.tuning == "full":
            models = [loaded.model, *(copy.deepcopy(loaded.model) for _ in range(slots - 1))]
            return cls(models, None, list(range(slots)), team.device)
        if generator is None:
            generator = torch.Generator(device=team.device).manual_seed(config.seed)
        adapters = attach(loaded.model, slots, config.lora_rank, config.lora_alpha, generator)
        return cls([loaded.model], adapters, list(range(slots)), team.device)

    def values(self, batch: ValueBatch) -> torch.Tensor:
        """[V] float32: V(history) at the batch's places, in their order."""
        if self.adapters is not None:
            with self.adapters.use(self._slots[batch.slot]):
                hidden = self._hidden(self.models[0], batch.ids)[batch.row, batch.column]
        else:
            hidden = None
            for slot, model in enumerate(self.models):
                rows = (batch.slot == slot).nonzero()[:, 0]
                if not len(rows):
                    continue
                own = (batch.slot[batch.row] == slot).nonzero()[:, 0]
                place = torch.zeros_like(batch.slot)
                place[rows] = torch.arange(len(rows), device=rows.device)
                part = self._hidden(model, batch.ids[rows])
                part = part[place[batch.row[own]], batch.column[own]]
                if hidden is None:
                    hidden = part.new_zeros(len(batch.row), part.shape[-1])
                hidden = hidden.index_copy(0, own, part)
        which = batch.slot[batch.row]
        weights, biases = torch.stack(self.weights), torch.cat(self.biases)
        return (hidden.float() * weights[which]).sum(-1) + biases[which]

    @staticmethod
    def _hidden(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
        # Right padding lies behind every place that is read: causal attention needs no mask.
        return model.base_model(input_ids=ids, use_cache=False).last_hidden_state

    def parameters(self) -> dict[int, list[nn.Parameter]]:
        """The trainable tensors of each critic."""
        groups = {}
        for i, slot in enumerate(self.slots):
            if self.adapters is not None:
                own = self.adapters.parameters(slot)
            else:
                head = self.models[i].get_output_embeddings().weight
                tied = self.models[i].get_input_embeddings().weight is head
                own = [p for p in self.models[i].parameters() if tied or p is not head]
            groups[i] = [*own, self.weights[i], self.biases[i]]
        return groups

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Every trainable tensor by critic and place."""
        return {
            f"{i}.{k}": tensor.detach().clone()
            for i, tensors in self.parameters().items()
            for k, tensor in enumerate(tensors)
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Copy what :meth:`state_dict` gave."""
        for i, tensors in self.parameters().items():
            for k, tensor in enumerate(tensors):
                tensor.copy_(state[f"{i}.{k}"])

    def save(self, folder: str | Path) -> None:
        """Write ``critic.safetensors``."""
        from safetensors.torch import save_file

        Path(folder).mkdir(parents=True, exist_ok=True)
        state = {name: tensor.cpu().contiguous() for name, tensor in self.state_dict().items()}
        save_file(state, str(Path(folder) / "critic.safetensors"))

    def load(self, folder: str | Path) -> None:
        """Read what :meth:`save` wrote."""
        from safetensors.torch import load_file

        self.load_state_dict(load_file(str(Path(folder) / "critic.safetensors")))
