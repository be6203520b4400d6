"""Rollouts by vLLM (``--rollouts vllm``): an engine of its own samples, token ids in and out.

The engine holds the base once more, and one LoRA adapter per policy, written anew before an
iteration's rollout and given to each request: the agents of all episodes act in one call. It keeps
no rows apart as :class:`colllm_bench.models.decoding.DecodingSession` does; every turn sends the
whole transcript, of which vLLM's prefix cache has all but the new tokens.

What it samples from is not quite what is trained: other kernels round otherwise. Its
log-probabilities are therefore never used as the policy's own, see
:mod:`colllm_bench.learners.engine_correction`. Equal seeds do not give equal bytes here.

Written against vLLM's ``LLM`` (offline inference), tested with a stand-in of its interface that
computes with transformers and PEFT (``tests/support/fake_vllm.py``), not yet on a GPU.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colllm_bench import processes
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError, RunError
from colllm_bench.seeding import derive

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for ``max_lora_rank``; adapters of a lower rank fit."""
MEMORY = Path("/dev/shm")
"""Where adapters are handed over, if there is such a file system in memory."""


def check_engine(config: RunConfig) -> None:
    """Refuse what vLLM cannot sample from, before anything is loaded.

    Args:
        config: resolved.

    Raises:
        ConfigError: vLLM is not installed; no adapters, or too wide ones; episodes that are
            learned from again; several processes.
    """
    if config.rollouts != "vllm":
        return
    if importlib.util.find_spec("vllm") is None:
        raise ConfigError(
            "rollouts 'vllm', and the package vllm is not installed",
            fix="pip install -e '.[train,vllm]' on a machine with a GPU, or leave out --rollouts",
        )
    if config.tuning != "lora":
        raise ConfigError(
            f"rollouts 'vllm' with tuning {config.tuning!r}: a copy of the model for each agent",
            allowed="tuning 'lora'", fix="leave out --tuning",
        )
    if config.lora_rank > RANKS[-1]:
        raise ConfigError(
            f"rollouts 'vllm' with lora_rank {config.lora_rank}", allowed=f"at most {RANKS[-1]}",
            fix="a lower --lora-rank",
        )
    if config.algo_options.get("replay", 1) != 1:
        raise ConfigError(
            f"rollouts 'vllm' with replay {config.algo_options['replay']}: checkpoints keep no "
            "correction for the engine", allowed="replay 1", fix="leave out --replay",
        )
    if processes.size() > 1:
        raise ConfigError(
            f"rollouts 'vllm' in {processes.size()} processes, each with an engine of its own",
            allowed="one process", fix="start it without torchrun",
        )


def make_engine(team: Any, config: RunConfig) -> VLLMEngine | None:
    """What samples the actions of a run beside the ``team`` itself; None: the team does."""
    return VLLMEngine(team, config) if config.rollouts == "vllm" else None


class VLLMEngine:
    """A ``vllm.LLM`` that plays a team's policies.

    Args:
        team: a :class:`colllm_bench.models.team_policy.TeamPolicy` with adapters.
        config: the run's, resolved.

    Raises:
        ConfigError: see :func:`check_engine`; a base that vLLM cannot read from where it lies; a
            GPU that is not the first one.
    """

    def __init__(self, team: Any, config: RunConfig):
        check_engine(config)
        _require_readable(team)
        import vllm
        from vllm.lora.request import LoRARequest

        self.team = team
        self._sampling, self._request = vllm.SamplingParams, LoRARequest
        self._can_sleep = team.device.type == "cuda"
        length = team.loaded.context_length
        self._llm = vllm.LLM(
            model=team.loaded.source,
            skip_tokenizer_init=True,  # ids in, ids out
            dtype=str(team.model.dtype).removeprefix("torch."),
            seed=derive(config.seed, "vllm", bits=31),
            trust_remote_code=config.trust_remote_code,
            gpu_memory_utilization=config.vllm_memory,
            enable_prefix_caching=True,
            enable_sleep_mode=self._can_sleep,
            enable_lora=True,
            max_loras=team.slots,
            max_lora_rank=min(rank for rank in RANKS if rank >= config.lora_rank),
            logprobs_mode="processed_logprobs",  # of the distribution that is sampled from
            **({} if length is None else {"max_model_len": length}),
        )
        self._sleeps = False
        self._version = 0
        place = str(MEMORY) if MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="colllm-adapters-", dir=place)

    def session(self, episodes: int, **options: Any) -> VLLMSession:
        """A :class:`VLLMSession` with the policies as they are now; its other arguments are
        ``options``."""
        if self._sleeps:
            self._llm.wake_up()
            self._sleeps = False
        return VLLMSession(self, self._publish(), episodes, **options)

    def sleep(self) -> None:
        """Leave the GPU's memory to training until the next session: weights go to the host's,
        the cache is dropped."""
        if self._can_sleep and not self._sleeps:
            self._llm.sleep(level=1)
            self._sleeps = True

    def _publish(self) -> list[Any]:
        """[agents] requests for the adapters, written anew under ids that were never used: the
        engine holds adapters, and caches keys and values, by id."""
        team, before = self.team, Path(self._folder.name) / str(self._version)
        self._version += 1
        requests = []
        for slot in range(team.slots):
            path = Path(self._folder.name) / str(self._version) / str(slot)
            team.adapters.save_peft(path, slot, team.loaded.public_name)
            number = (self._version - 1) * team.slots + slot + 1
            requests.append(self._request(f"policy-{number}", number, str(path)))
        shutil.rmtree(before, ignore_errors=True)
        return [requests[slot] for slot in team.slot_of_agent]

    def sample(
        self, prompts: Sequence[list[int]], adapters: Sequence[Any], seeds: Sequence[int],
        *, temperature: float, max_tokens: int, ends: Sequence[int],
    ) -> list[tuple[list[int], list[float]]]:
        """Continue each prompt; the new ids, its end included, and their log-probabilities.

        Raises:
            RunError: the engine answered with something else.
        """
        params = [
            self._sampling(
                temperature=temperature, max_tokens=max_tokens, seed=seed, logprobs=0,
                stop_token_ids=list(ends), ignore_eos=True, detokenize=False,
            )
            for seed in seeds
        ]
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(ids)} for ids in prompts], params, use_tqdm=False,
            lora_request=list(adapters),
        )
        if len(outputs) != len(prompts):
            raise RunError(f"vllm gave {len(outputs)} answers to {len(prompts)} requests")
        return [_action(output) for output in outputs]


def _action(output: Any) -> tuple[list[int], list[float]]:
    (completion,) = output.outputs
    ids = list(completion.token_ids)
    if not ids or completion.logprobs is None or len(completion.logprobs) != len(ids):
        raise RunError(
            f"vllm ended an action with {len(ids)} tokens and "
            f"{len(completion.logprobs or ())} log-probabilities ({completion.finish_reason})"
        )
    steps = zip(ids, completion.logprobs)
    return ids, [float(step[token].logprob) for token, step in steps]


def _require_readable(team: Any) -> None:
    """Raises ConfigError unless the files of the base are what the team computes with."""
    source = Path(team.loaded.source)
    kind = None
    if source.suffix == ".gguf":
        kind = "a GGUF file"
    elif (source / "adapter_config.json").is_file():
        kind = "an adapter that is merged into its base"
    if kind is not None:
        raise ConfigError(
            f"rollouts 'vllm' with the model {team.loaded.name!r}, {kind}",
            allowed="a folder of save_pretrained, or a hub id",
            fix="save the model with save_pretrained first",
        )
    if team.device.type == "cuda" and team.device.index not in (None, 0):
        raise ConfigError(
            f"rollouts 'vllm' on {team.device}: vllm takes the first GPU that it sees",
            allowed="cuda", fix=f"CUDA_VISIBLE_DEVICES={team.device.index} and --device cuda",
        )


class VLLMSession:
    """Episodes in lockstep, as :class:`colllm_bench.models.decoding.DecodingSession` has them.

    Rows are agent-major: row ``a * E + e`` is agent ``a`` in episode ``e``.

    Args:
        engine: where tokens come from.
        adapters: [agents] requests of :meth:`VLLMEngine.session`.
        episodes: E, how many episodes.
        generator: ``torch.Generator``: each action's seed is drawn from it; or a
            :class:`colllm_bench.models.sampling.PerTurnRandom`, which names the rows.
        temperature: tokens are drawn from softmax(logits / temperature); 0 is greedy.
        max_action_tokens: an action that has no end token by then is cut off.
        end_ids: ids that end an action; default: the prompt builder's.
    """

    def __init__(
        self, engine: VLLMEngine, adapters: Sequence[Any], episodes: int, *, generator: Any,
        temperature: float, max_action_tokens: int, end_ids: Sequence[int] | None = None,
    ):
        self.engine, self.adapters, self.episodes = engine, list(adapters), episodes
        self.generator = generator
        self.temperature, self.max_action_tokens = float(temperature), max_action_tokens
        self._prompts = engine.team.prompts
        self._ends = sorted(self._prompts.end_ids if end_ids is None else end_ids)
        self._transcripts: list[list[int]] = [[] for _ in range(len(self.adapters) * episodes)]
        self._turn = 0

    def generate(
        self, new_ids: Sequence[Sequence[int] | None]
    ) -> list[tuple[list[int], list[float]] | None]:
        """Append ``new_ids`` to each row's transcript and sample its action.

        Args:
            new_ids: [rows] token ids, at least one; None where the row does not act.

        Returns:
            [rows] ids of the action and the engine's log-probabilities; None where the row does
            not act, and in all rows of an episode of which one transcript would not fit the
            model's context.
        """
        lengths = [
            None if new is None else len(self._transcripts[row]) + len(new)
            for row, new in enumerate(new_ids)
        ]
        fits = self._prompts.episodes_that_fit(lengths, self.episodes, self.max_action_tokens)
        acting = [
            row for row, new in enumerate(new_ids) if new is not None and fits[row % self.episodes]
        ]
        seeds = self._seeds()
        for row in acting:
            self._transcripts[row] += new_ids[row] or ()
        actions: list[tuple[list[int], list[float]] | None] = [None] * len(new_ids)
        sampled = self.engine.sample(
            [self._transcripts[row] for row in acting],
            [self.adapters[row // self.episodes] for row in acting],
            [seeds[row] for row in acting], temperature=self.temperature,
            max_tokens=self.max_action_tokens, ends=self._ends,
        ) if acting else []
        for row, action in zip(acting, sampled, strict=True):
            self._transcripts[row] += action[0]
            actions[row] = action
        return actions

    def keep(self, episodes: Sequence[int]) -> None:
        """Keep these positions of the running episodes and drop the rows of all others."""
        rows = [a * self.episodes + e for a in range(len(self.adapters)) for e in episodes]
        self._transcripts = [self._transcripts[row] for row in rows]
        self.episodes = len(episodes)
        if not self._by_generator:
            self.generator.keep(rows)

    @property
    def _by_generator(self) -> bool:
        return hasattr(self.generator, "manual_seed")

    def _seeds(self) -> list[int]:
        """[rows] seeds of this turn's actions, whether the row acts or not."""
        self._turn += 1
        if not self._by_generator:
            own = self.generator
            return [derive(own.seed, "turn", *name, self._turn, bits=63) for name in own.names]
        import torch

        drawn = torch.randint(
            2**62, (len(self._transcripts),), generator=self.generator,
            device=self.generator.device,
        )
        return drawn.tolist()
