"""Critics: a value head on any Hugging Face transformer.

The head reads the last hidden state (after the final norm) at the last token of an
observation. By default the transformer is the team's own frozen base with adapters of the
critic's, so a critic costs kilobytes; a separate backbone is an option.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.activation_checkpointing import enable_checkpointing, training_mode
from colllm_bench.models.adapters import LoRAAdapters, add_adapters
from colllm_bench.models.forward import hidden_states
from colllm_bench.models.loading import LoadedModel, load_base
from colllm_bench.objectives.batches import ValueBatch


class Critic:
    """One or several value functions V(history). Build with :meth:`build`.

    Args:
        models: the backbone of each critic; a single one serves all through ``adapters``.
        adapters: its adapters, or None when whole models are trained.
        slots: the adapter slot of each critic.
        checkpointing: recompute activations in the backward pass.
    """

    def __init__(
        self,
        models: list[nn.Module],
        adapters: LoRAAdapters | None,
        slots: list[int],
        device: torch.device,
        checkpointing: bool = False,
    ):
        self.models, self.adapters, self.slots = models, adapters, slots
        self.checkpointing = checkpointing
        width = models[0].get_output_embeddings().weight.shape[1]
        # Zero: the first values are 0 everywhere, and the first advantages plain returns.
        self.weights = [nn.Parameter(torch.zeros(width, device=device)) for _ in slots]
        self.biases = [nn.Parameter(torch.zeros(1, device=device)) for _ in slots]
        self._slots = torch.tensor(slots, device=device)

    @classmethod
    def build(
        cls, config: RunConfig, team: Any, slots: int, *, backbone: str | None = None,
        generator: torch.Generator | None = None,
    ) -> Critic:
        """``slots`` critics, as ``config`` asks.

        Args:
            team: lends its base, when it was built with that many ``critic_slots``.
            backbone: a model of the critics' own, by name or folder; None: the team's base.
            generator: draws the adapters of a separate backbone.
        """
        again = config.gradient_checkpointing
        if backbone is None and len(team.critic_slots) >= slots:
            shared = team.critic_slots[:slots]
            return cls([team.model], team.adapters, shared, team.device, again)
        loaded = load_base(
            backbone or config.model,
            device=str(team.device),
            dtype=team.model.dtype,
            chat_template=config.chat_template,
            gradient_checkpointing=config.gradient_checkpointing,
            env=config.env,
            trust_remote_code=config.trust_remote_code,
        )
        require_same_vocabulary(team, loaded)
        if config.tuning == "full":
            models = [loaded.model, *(copy.deepcopy(loaded.model) for _ in range(slots - 1))]
            for model in models if again else ():
                enable_checkpointing(model, None)
            return cls(models, None, list(range(slots)), team.device, again)
        if generator is None:
            generator = torch.Generator(device=team.device).manual_seed(config.seed)
        adapters = add_adapters(loaded.model, slots, config.lora_rank, config.lora_alpha, generator)
        if again:
            enable_checkpointing(loaded.model, adapters)
        return cls([loaded.model], adapters, list(range(slots)), team.device, again)

    def values(self, batch: ValueBatch) -> torch.Tensor:
        """[V] float32: V(history) at the batch's places, in their order."""
        # R rows of L tokens; V places (row, column) at which values are read
        if self.adapters is not None:
            with self.adapters.use(self._slots[batch.slot]):
                hidden = self._hidden(self.models[0], batch.ids)  # [R, L, width]
            hidden = hidden[batch.row, batch.column]  # [V, width]
        else:
            hidden = None
            for slot, model in enumerate(self.models):
                rows = (batch.slot == slot).nonzero()[:, 0]  # of the batch, this critic's
                if not len(rows):
                    continue
                places = (batch.slot[batch.row] == slot).nonzero()[:, 0]  # of the V, this critic's
                row_of = torch.zeros_like(batch.slot)  # [R] from a row to its place in ``rows``
                row_of[rows] = torch.arange(len(rows), device=rows.device)
                part = self._hidden(model, batch.ids[rows])  # [rows, L, width]
                part = part[row_of[batch.row[places]], batch.column[places]]  # [places, width]
                if hidden is None:
                    hidden = part.new_zeros(len(batch.row), part.shape[-1])
                hidden = hidden.index_copy(0, places, part)
        head = batch.slot[batch.row]  # [V] which critic's head reads the place
        weights, biases = torch.stack(self.weights), torch.cat(self.biases)
        return (hidden.float() * weights[head]).sum(-1) + biases[head]

    def _hidden(self, model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
        # Right padding lies behind every place that is read: causal attention needs no mask.
        with training_mode(model, self.checkpointing):
            return hidden_states(model, ids)

    def parameters(self) -> dict[int, list[nn.Parameter]]:
        """The trainable tensors of each critic."""
        groups = {}
        for i, slot in enumerate(self.slots):
            if self.adapters is not None:
                backbone = self.adapters.parameters(slot)
            else:
                backbone = backbone_parameters(self.models[i])
            groups[i] = [*backbone, self.weights[i], self.biases[i]]
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
        """Copy a state of :meth:`state_dict`."""
        for i, tensors in self.parameters().items():
            for k, tensor in enumerate(tensors):
                tensor.copy_(state[f"{i}.{k}"])


def backbone_parameters(model: Any) -> list[nn.Parameter]:
    """All parameters that a value depends on: the output embedding only where it is tied."""
    inputs = model.get_input_embeddings().weight
    unused = [p for p in model.get_output_embeddings().parameters() if p is not inputs]
    return [p for p in model.parameters() if all(p is not other for other in unused)]


def require_same_vocabulary(team: Any, loaded: LoadedModel) -> None:
    """Critics read the actors' token ids: a backbone with another tokenizer cannot."""
    if team.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise ConfigError(
            f"critic model {loaded.name!r} has another vocabulary than {team.loaded.name!r}",
            allowed="a model with the actors' tokenizer",
            fix="leave out --critic-model, or choose one of the same family",
        )
