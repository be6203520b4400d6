"""The options of the algorithms. Without torch, so that ``--help`` shows them at once.

An algorithm of your own adds to them where it stands:

>>> class Bagged(ActorCritic):
...     class Options(ActorCritic.Options):
...         bag_width: int = option(16, "episodes a bag", low=1)
"""

from __future__ import annotations

from dataclasses import dataclass

from colllm_bench.options import option


@dataclass(frozen=True)
class ClippedLossOptions:
    """What every algorithm reads: the discount, and PPO's clipped loss
    (Schulman et al., arXiv 1707.06347, eq. 7)."""

    gamma: float = option(1.0, "discount", low=0, high=1, time=False)
    clip_range: float = option(0.2, "PPO's clip range", above=0, time=False, was="clip")
    importance_ratio: str = option(
        "token", "importance ratio per token or per turn", choices=("token", "turn"), time=False,
        was="ratio",
    )
    kl_coef: float = option(
        0.0, "coefficient of the KL to the frozen reference", low=0, was="kl"
    )
    entropy_coef: float = option(0.0, "coefficient of the entropy bonus", low=0, was="entropy")


@dataclass(frozen=True)
class CriticOptions:
    """What the critics of ``learners.critic_learner`` read."""

    critic_lr: float = option(3e-3, "critic's learning rate", above=0, time=False)
    critic_epochs: int = option(4, "critic's passes over a batch", low=1)
    critic_minibatches: int = option(4, "optimizer steps per pass of the critic", low=1)
    critic_warmup: int = option(
        2, "first iterations that train the critic alone (fewer in a shorter run)", low=0,
        time=False,
    )
    critic_backbone: str = option(
        "frozen",
        "what reads: the base as it is, with adapters of the critic's own, or a whole copy",
        choices=("frozen", "adapters", "full"),
    )
    critic_readout: str = option(
        "mean", "hidden states read: mean over the tokens of an observation, or its last",
        choices=("mean", "last"), time=False,
    )
    critic_embeddings: bool = option(
        True, "read the tokens' embeddings, too", time=False
    )
    critic_counts: int = option(
        0, "read how often each token occurs, too, hashed into so many places (1024); 0: do not",
        low=0, time=False,
    )
    critic_width: int = option(
        64, "width of the value head's layers; 0: linear in what is read", low=0, time=False
    )
    critic_history: bool = option(
        True, "pool the turns before into the value head, too", time=False
    )
    critic_average: float = option(
        0.95, "values come from the heads averaged over steps, the old average weighing this much",
        low=0, high=0.999, time=False,
    )
    critic_from: str | None = option(
        None, "start from the critic of this finished run (its folder)", time=False
    )
    critic_model: str | None = option(
        None, "a separate backbone for the critic (default: the actors' base)"
    )


@dataclass(frozen=True)
class ActorCriticOptions(ClippedLossOptions, CriticOptions):
    """GAE with a critic (Schulman et al., arXiv 1506.02438, eq. 16)."""

    gae_lambda: float = option(
        0.8, "lambda of GAE for the actor's advantages", low=0, high=1, time=False, was="lam"
    )
    critic_gae_lambda: float = option(
        0.95, "lambda of the critic's targets", low=0, high=1, time=False, was="critic_lam"
    )
    replay: int = option(
        1, "learn from the episodes of so many iterations, older ones corrected by V-trace", low=1
    )
    rho_bar: float = option(
        1.0, "largest importance ratio of a replayed turn in V-trace", above=0, time=False
    )
    critic: str = option(
        "learned",
        "learned, or true values where the environment knows them (credit): of all that the team "
        "saw, of what each agent saw, or of nothing but the turn's number",
        choices=("learned", "oracle:joint", "oracle:local", "oracle:none"), time=False,
    )


@dataclass(frozen=True)
class SequentialOptions(ActorCriticOptions):
    """GAE from agent to agent within a turn, and over turns."""

    agent_lambda: float = option(
        0.9, "lambda from one agent's action to the next within a turn", low=0, high=1, time=False
    )


@dataclass(frozen=True)
class HierarchicalOptions(ActorCriticOptions):
    """GAE with a pooled critic, and what its baseline knows."""

    credit: str = option(
        "others", "baseline: what the others did is known (others), or not (team)",
        choices=("others", "team"), time=False,
    )


@dataclass(frozen=True)
class MonteCarloOptions(ClippedLossOptions):
    """Returns minus a baseline of episodes from the same start."""

    baseline: str = option(
        "group", "baseline: group (MAGRPO), loo (leave one out), max or none",
        choices=("group", "loo", "max", "none"), time=False,
    )
