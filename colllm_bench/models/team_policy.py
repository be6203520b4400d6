"""A team of language models: one frozen base, one adapter per agent (or a copy per agent).

>>> team = TeamPolicy.build(config, ["general_0", "general_1"], generator=generator)
>>> session = team.session(64, generator=generator, temperature=1.0, max_action_tokens=8)
>>> actions = session.generate(prompts)       # plays: one call a turn
>>> scores = team.evaluate_actions(batch)     # learns: one forward a batch
"""

from __future__ import annotations

import copy
import datetime
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.models.activation_checkpointing import enable_checkpointing, training_mode
from colllm_bench.models.adapters import LoRAAdapters, add_adapters
from colllm_bench.models.compiled_decoding import CompiledDecoding
from colllm_bench.models.decoding import DecodingSession
from colllm_bench.models.forward import (
    ActionLogprobs,
    LogitsAt,
    RowGroup,
    score_tokens,
    try_kv_cache,
)
from colllm_bench.models.kv_cache import AttentionWindows
from colllm_bench.models.loading import LoadedModel, load_base
from colllm_bench.models.parameter_sharing import assign_slots
from colllm_bench.models.prompts import PromptBuilder
from colllm_bench.models.shared_prefix import LEAST_PARAMETERS, PrefixStates, read_prefixes
from colllm_bench.objectives.batches import TokenBatch
from colllm_bench.objectives.prefixes import Prefixes
from colllm_bench.runs.naming import agent_folder


class TeamPolicy:
    """Policies of all agents. Build with :meth:`build`.

    Attributes:
        model: the base (with ``tuning="full"``, the untrained reference).
        tokenizer, prompts, device: as loaded; prompts is the :class:`PromptBuilder`.
        size: parameters of the base model.
        agents: names, in the order of the environment's ``possible_agents``.
        slot_of_agent: the policy that each agent plays: several share one under ``share``.
        critic_slots: adapter slots behind the actors' that critics may use.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        config: RunConfig,
        agents: Sequence[str],
        *,
        generator: torch.Generator,
        critic_slots: int = 0,
        roles: Sequence[str] | None = None,
        date: datetime.date | None = None,
    ):
        self.loaded, self.config, self.agents = loaded, config, list(agents)
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.device = next(self.model.parameters()).device
        self.prompts = PromptBuilder(
            self.tokenizer, loaded.context_length, end_ids=loaded.end_ids, date=date
        )
        self.size = sum(p.numel() for p in self.model.parameters())
        self.slot_of_agent = assign_slots(config.share, self.agents, roles)
        self.slots = 1 + max(self.slot_of_agent)
        self.adapters: LoRAAdapters | None = None
        self.policy_models: list[torch.nn.Module] = []
        self.critic_slots: list[int] = []
        self._gathers: dict[int, LogitsAt] = {}
        if config.tuning == "lora":
            self.critic_slots = list(range(self.slots, self.slots + critic_slots))
            slots = self.slots + critic_slots
            self.adapters = add_adapters(
                self.model, slots, config.lora_rank, config.lora_alpha, generator
            )
        elif config.tuning == "full":
            self.policy_models = [copy.deepcopy(self.model) for _ in range(self.slots)]
            self.model.requires_grad_(False)
        else:
            raise ConfigError(f"unknown tuning {config.tuning!r}", allowed="lora, full")
        for model in (self.model, *self.policy_models):
            self._gathers[id(model)] = LogitsAt(model)
            if config.gradient_checkpointing:
                enable_checkpointing(model, self.adapters)
        self.layout = AttentionWindows.of(self.model.config.get_text_config())

    @classmethod
    def build(
        cls,
        config: RunConfig,
        agents: Sequence[str],
        *,
        generator: torch.Generator,
        central: bool = False,
        **options: Any,
    ) -> TeamPolicy:
        """Load ``config.model`` and give it a policy per agent.

        Args:
            generator: draws the adapters' A matrices; nothing else is random.
            central: whether its agent is the controller of a team.
            options: ``critic_slots``, adapter slots for critics on the same base; ``roles``, each
                agent's role, for ``share="role"``; ``date``, what a chat template that prints
                today's date prints (None: today's).
        """
        loaded = load_base(
            config.model, device=config.device, dtype=config.dtype,
            chat_template=config.chat_template,
            gradient_checkpointing=config.gradient_checkpointing,
            env=config.env, central=central, trust_remote_code=config.trust_remote_code,
        )
        return cls(loaded, config, agents, generator=generator, **options)

    # -- playing

    def session(self, episodes: int, **options: Any) -> DecodingSession:
        """A :class:`DecodingSession` of ``episodes`` episodes with the current policies; its
        other arguments are ``options``."""
        if self.config.compile_decoding:
            return self._compiled.session(episodes, **options)
        return DecodingSession(self, episodes, **options)

    @functools.cached_property
    def _compiled(self) -> CompiledDecoding:
        return CompiledDecoding(self)

    def row_groups(self, agent: torch.Tensor, *, reference: bool = False) -> list[RowGroup]:
        """How rows run through models. ``agent`` [rows] is the agent's index of each row."""
        slots = torch.tensor(self.slot_of_agent, device=agent.device)[agent]
        if self.adapters is not None or reference:
            routing = None
            if self.adapters is not None and not reference:
                routing = self.adapters.select(slots)
            gather = self._gathers[id(self.model)]
            return [RowGroup(self.model, gather, None, self.adapters, routing)]
        return [
            RowGroup(model, self._gathers[id(model)], (slots == slot).nonzero()[:, 0])
            for slot, model in enumerate(self.policy_models)
        ]

    @functools.cached_property
    def supports_kv_cache(self) -> bool:
        """Whether the model computes the same with a :class:`RaggedKVCache` as without: tried out,
        not looked up, because any architecture may be loaded."""
        group = RowGroup(self.model, self._gathers[id(self.model)], None)
        return try_kv_cache(group, self.layout, self.loaded.context_length)

    @property
    def is_large(self) -> bool:
        """Whether leaving out tokens and rows pays: adapters on one base that is large enough."""
        return self.adapters is not None and self.size >= LEAST_PARAMETERS

    @functools.cached_property
    def shares_prefixes(self) -> bool:
        """Whether what rows begin with alike is computed once for all of them
        (:mod:`colllm_bench.models.shared_prefix`); checkpointed blocks cannot read a cache."""
        whole = self.config.gradient_checkpointing or not self.is_large
        return not whole and self.supports_kv_cache

    def read_prefixes(self, prefixes: Prefixes, *, reference: bool = False) -> PrefixStates:
        """Run ``prefixes`` through the adapters of the agents that own them, or the base alone."""
        owner = torch.tensor(prefixes.owner, device=self.device)
        (group,) = self.row_groups(owner, reference=reference)
        first = torch.zeros(1, dtype=torch.long, device=self.device)

        run = functools.partial(group.logits, (first, first))  # of one token: nobody reads them
        return read_prefixes(prefixes, run, self.model, self.prompts.pad_id)[0]

    # -- learning

    def evaluate_actions(
        self,
        batch: TokenBatch,
        *,
        temperature: float = 1.0,
        with_entropy: bool = False,
        reference: bool = False,
        states: PrefixStates | None = None,
    ) -> ActionLogprobs:
        """Score a batch's action tokens under the current policies: one forward for all agents.

        Args:
            batch: whole transcripts.
            temperature: of the sampling distribution that is scored; positive.
            with_entropy: also the entropy of the distribution at each action token.
            reference: score the frozen base instead (adapters off), for KL penalties.
            states: of ``batch.prefixes``, if they were read before (:meth:`read_prefixes`).

        Returns:
            Scores with gradients, unless ``reference``.
        """
        if not temperature > 0:
            raise ConfigError(
                f"temperature {temperature} gives no distribution to train", allowed="above 0"
            )
        rows, columns = batch.action_mask.nonzero(as_tuple=True)  # [K] each
        targets = batch.ids[rows, columns]  # [K]
        parts: list[tuple[torch.Tensor, ...]] = []
        order = []
        read = self.logits_of(batch, rows, columns, reference=reference, states=states)
        for tokens, logits in read:
            parts.append(score_tokens(logits, targets[tokens], temperature, with_entropy))
            order.append(tokens)
        logprobs, entropy = (torch.cat(x) if x[0] is not None else None for x in zip(*parts))
        if len(order) > 1:
            back = torch.argsort(torch.cat(order))  # from the groups' order to the batch's
            logprobs = logprobs[back]
            entropy = entropy[back] if entropy is not None else None
        return ActionLogprobs(logprobs, entropy)

    def logits_of(
        self, batch: TokenBatch, rows: torch.Tensor, columns: torch.Tensor, *,
        reference: bool = False, states: PrefixStates | None = None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """For each model that the team consists of, which of the K tokens at ``rows``, ``columns``
        [K] of ``batch.ids`` are its agents' [its K], and the logits [its K, vocabulary] that
        they were predicted by (from the token before); other arguments as of
        :meth:`evaluate_actions`."""
        for group in self.row_groups(batch.agent, reference=reference):
            tokens, ids, own = group.part(batch.ids, rows)
            if batch.prefixes is not None:
                states = states or self.read_prefixes(batch.prefixes, reference=reference)
                inputs, start = states.rest(ids, batch.prefixes, self.layout, self.model)
                yield tokens, group.logits((own, columns - 1 - start[own]), **inputs)
                continue
            # No token sees the right padding: no mask is needed, attention takes its causal path.
            with training_mode(group.model, self.config.gradient_checkpointing):
                places = (own, columns[tokens] - 1)
                yield tokens, group.logits(places, input_ids=ids, use_cache=False)

    # -- parameters

    def parameters(self) -> dict[str, list[torch.nn.Parameter]]:
        """The trainable tensors of each policy, under the names of :meth:`policy_names`."""
        if self.adapters is not None:
            groups = [self.adapters.parameters(slot) for slot in range(self.slots)]
        else:
            groups = [[p for p in x.parameters() if p.requires_grad] for x in self.policy_models]
        return dict(zip(self.policy_names(), groups))

    def policy_names(self) -> list[str]:
        """One name per policy: that of its first agent."""
        return [self.agents[self.slot_of_agent.index(slot)] for slot in range(self.slots)]

    def parameter_counts(self) -> dict[str, int]:
        """How many parameters the base ``model`` has, and how many of the policies are
        ``trained``."""
        trained = [x.numel() for policy in self.parameters().values() for x in policy]
        return {"model": self.size, "trained": sum(trained)}

    def state_dict(self) -> dict[str, Any]:
        """Trained tensors of the actors, and of the critics in the slots behind them."""
        if self.adapters is not None:
            return self.adapters.state_dict()
        return {
            f"{slot}.{name}": tensor.detach().clone()
            for slot, model in enumerate(self.policy_models)
            for name, tensor in model.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Copy a state of :meth:`state_dict`."""
        if self.adapters is not None:
            self.adapters.load_state_dict(state)
            return
        for slot, model in enumerate(self.policy_models):
            prefix = f"{slot}."
            model.load_state_dict(
                {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
            )

    def save(self, folder: str | Path) -> None:
        """One folder per agent: a PEFT adapter, or a whole model with ``tuning="full"``. Each
        loads alone, without this package."""
        for agent, slot in zip(self.agents, self.slot_of_agent):
            path = Path(folder) / agent_folder(agent)
            if self.adapters is not None:
                self.adapters.save_peft(path, slot, self.loaded.public_name)
            else:
                self.policy_models[slot].save_pretrained(path)
            self.tokenizer.save_pretrained(path)

    def load(self, folder: str | Path) -> None:
        """Read what :meth:`save` wrote into this team. Raises ConfigError if it does not fit."""
        for slot, name in enumerate(self.policy_names()):
            path = Path(folder) / agent_folder(name)
            if self.adapters is not None:
                self.adapters.load_peft(path, slot)
            else:
                model = self.policy_models[slot]
                model.load_state_dict(type(model).from_pretrained(path).state_dict())
