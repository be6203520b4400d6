"""Names, and what they stand for: environments, algorithms, models.

A name is looked up in this order: registered in this process, an entry point of an
installed package (groups ``colllm_bench.envs`` and ``colllm_bench.algorithms``),
``"module:Class"``, ``"./file.py:Class"``. Nothing is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from colllm_bench.errors import ConfigError, unknown_name
from colllm_bench.registry.loading import load
from colllm_bench.registry.specs import CENTRAL as CENTRAL
from colllm_bench.registry.specs import AlgorithmSpec, EnvSpec, ModelSpec

if TYPE_CHECKING:  # pettingzoo is no part of start-up
    from pettingzoo import AECEnv, ParallelEnv


def _built_in(name: str, cls: str, summary: str, **fields: Any) -> EnvSpec:
    """An environment of this package, its scripted teams and demonstrations where all have them."""
    scripted = f"colllm_bench.envs.{name}.scripted"
    return EnvSpec(
        name, f"colllm_bench.envs.{name}.env:{cls}", summary, scripted=f"{scripted}:Expert",
        random=f"{scripted}:Random", novice=f"{scripted}:Novice",
        demonstrations=f"{scripted}:demonstrations", **fields,
    )


ENVS: dict[str, EnvSpec] = {spec.name: spec for spec in (
    _built_in(
        "strategy", "StrategyEnv",
        "a siege under fog, one front per agent; won only when every fort falls",
        masters="colllm_bench.envs.strategy.scripted:masters",
        pretrain_masters={"tokenizer_chats": 300, "steps": 2500, "batch": 4, "longest": 1536,
                          "observation_weight": 0.03},
    ),
    _built_in(
        "writing", "WritingEnv",
        "one text by many authors, a section each, in drafts: a story, or a published task",
        pretrain={"vocab": 1536, "hidden": 96, "intermediate": 256, "heads": 3, "steps": 3500,
                  "batch": 8, "longest": 400},
        action_tokens=48, full_action_tokens=256,
        guarded_options={"data": (None,), "fluency": ("reference", "off")},
    ),
    _built_in(
        "coding", "CodingEnv",
        "one program, a function per agent; unit tests judge the whole in a jail",
        pretrain={"vocab": 640, "layers": 3, "heads": 4, "steps": 5000, "batch": 24,
                  "longest": 640, "observation_weight": 0.03},
        action_tokens=64, full_action_tokens=256,
        guarded_options={"data": (None,), "sandbox": ("auto", "namespaces", "landlock")},
    ),
    _built_in(
        "credit", "CreditEnv", "cues and words: a diagnostic task whose true values are known",
        pretrain={"vocab": 512, "hidden": 32, "intermediate": 64, "steps": 1000, "lr": 6e-3,
                  "longest": 320, "observation_weight": 0.01},
        masters="colllm_bench.envs.credit.scripted:masters",
        pretrain_masters={"vocab": 512, "steps": 5000, "batch": 6, "longest": 768,
                          "observation_weight": 0.01},
        action_tokens=2,
    ),
    _built_in(
        "classic", "ClassicEnv",
        "the small Dec-POMDPs of the literature (Dec-Tiger, climb, ...), optima known",
        blind="colllm_bench.envs.classic.scripted:Blind",
        score_range="colllm_bench.envs.classic.known:anchors",
        pretrain={"vocab": 768, "hidden": 48, "intermediate": 96, "steps": 1500, "batch": 32,
                  "longest": 256, "observation_weight": 0.01},
        action_tokens=2,
    ),
)}
ALGORITHMS: dict[str, AlgorithmSpec] = {
    "mc": AlgorithmSpec(
        "mc", "colllm_bench.baselines.monte_carlo:MonteCarlo",
        "Monte-Carlo returns minus a baseline from the same start (group = MAGRPO)",
        options="colllm_bench.baselines.options:MonteCarloOptions",
    ),
    "cc": AlgorithmSpec(
        "cc", "colllm_bench.baselines.collm_cc:CentralizedCritic",
        "CoLLM-CC: one critic over everybody's observations and actions, GAE",
        options="colllm_bench.baselines.options:ActorCriticOptions",
    ),
    "dc": AlgorithmSpec(
        "dc", "colllm_bench.baselines.collm_dc:DecentralizedCritics",
        "CoLLM-DC: each agent its own critic on its own history, GAE",
        options="colllm_bench.baselines.options:ActorCriticOptions",
    ),
    "seq": AlgorithmSpec(
        "seq", "colllm_bench.baselines.sequential:SequentialCredit",
        "one joint critic read action by action: credit for each agent within a turn",
        options="colllm_bench.baselines.options:SequentialOptions",
    ),
    "hier": AlgorithmSpec(
        "hier", "colllm_bench.baselines.hierarchical:HierarchicalCritic",
        "histories encoded apart and pooled, leave-one-out baselines: for large teams",
        options="colllm_bench.baselines.options:HierarchicalOptions",
    ),
    "central": AlgorithmSpec(
        "central", "colllm_bench.baselines.centralized:CentralizedExecution",
        "one master model writes every agent's action: centralized execution",
        options="colllm_bench.baselines.options:ActorCriticOptions", centralized_execution=True,
    ),
}
MODELS: dict[str, ModelSpec] = {
    "tiny": ModelSpec(
        "tiny", "models/tiny", "strategy",
        "the built-in language model, one an environment, for CPUs (default)",
    ),
}


@dataclass(frozen=True)
class NoOptions:
    """The options of what is no algorithm; ``load_algorithm`` says so."""


def register_env(name: str, entry: str, **fields: Any) -> EnvSpec:
    """Make ``name`` an environment of this process. ``entry`` is ``"module:Class"``."""
    ENVS[name] = EnvSpec(name=name, entry=entry, **fields)
    return ENVS[name]


def register_algorithm(name: str, entry: str, summary: str = "", **fields: Any) -> AlgorithmSpec:
    """Make ``name`` an algorithm of this process. ``entry`` is ``"module:Class"``."""
    ALGORITHMS[name] = AlgorithmSpec(name, entry, summary, **fields)
    return ALGORITHMS[name]


def env_spec(name: str) -> EnvSpec:
    """The environment that ``name`` stands for (``strategy``, ``strategy_v0``, a path).

    Raises:
        ConfigError: for a name that is in no list; names the nearest.
    """
    for spec in ENVS.values():
        if name in (spec.name, spec.id):
            return spec
    return _from_elsewhere("environment", "colllm_bench.envs", name, ENVS, EnvSpec)


def algorithm_spec(name: str) -> AlgorithmSpec:
    """The algorithm that ``name`` stands for. Raises ConfigError for an unknown one."""
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    return _from_elsewhere("algorithm", "colllm_bench.algorithms", name, ALGORITHMS, AlgorithmSpec)


def options_class(name: str) -> type:
    """The dataclass of an algorithm's options. Loads no torch for the built-in algorithms.

    Raises:
        ConfigError: an unknown algorithm, or one that cannot be loaded.
    """
    spec = algorithm_spec(name)
    if spec.options is not None:
        return load(spec.options, "options")
    return getattr(load(spec.entry, "algorithm"), "Options", NoOptions)


Spec = TypeVar("Spec", EnvSpec, AlgorithmSpec)


def _from_elsewhere(
    kind: str, group: str, name: str, known: dict[str, Spec], spec_type: type[Spec]
) -> Spec:
    from importlib.metadata import EntryPoint, entry_points  # a third of what --help takes

    points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=group)}
    if name in points:
        entry = points[name].value
        loaded = load(entry, kind)
        spec = loaded if isinstance(loaded, spec_type) else spec_type(name=name, entry=entry)
        return replace(spec, name=name)
    if ":" in name:
        return spec_type(name=name.rpartition(":")[2].lower(), entry=name)
    raise unknown_name(kind, name, [*known, *points])


def env_class(name: str) -> Callable[..., Any]:
    return load(env_spec(name).entry, "environment")


def policy_of(env: str, kind: str) -> Any:
    """The class of an environment's scripted agents.

    Args:
        kind: ``random``, ``scripted`` or ``blind``.

    Returns:
        What its :class:`EnvSpec` names, else the environment's own attribute ``random_policy``,
        ``scripted_policy`` or ``blind_policy``; None where it has neither.
    """
    spec = env_spec(env)
    entry = getattr(spec, kind)
    if entry is not None:
        return load(entry, "policy")
    return getattr(load(spec.entry, "environment"), f"{kind}_policy", None)


def make(env: str, **options: Any) -> ParallelEnv[Any, Any, Any]:
    """The environment as a PettingZoo ``ParallelEnv``.

    Raises:
        ConfigError: for an unknown name or an option that the environment does not take.
    """
    factory = env_class(env)
    try:
        return factory(**options)
    except TypeError as error:
        raise ConfigError(
            f"environment {env!r}: {error}", fix="see its documentation for its options"
        ) from error


def make_aec(env: str, **options: Any) -> AECEnv[Any, Any, Any]:
    """The environment in PettingZoo's AEC form, for tools that step agent by agent."""
    from pettingzoo.utils import parallel_to_aec

    return parallel_to_aec(make(env, **options))
